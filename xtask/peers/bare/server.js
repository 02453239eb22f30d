// The least a custom handler written for Node.js can be: it reads what it is sent and answers.
const http = require('node:http');

const server = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.statusCode = request.method === 'POST' ? 202 : 200;
    response.end('{}');
  });
});
server.listen(process.env.FUNCTIONS_CUSTOMHANDLER_PORT, '127.0.0.1');
