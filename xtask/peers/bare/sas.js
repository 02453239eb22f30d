// Prints a shared access signature for the queues of the storage account ACCOUNT with the key KEY.
const { createHmac } = require('node:crypto');

const { ACCOUNT, KEY } = process.env;
const [version, services, resources, permissions, expiry] = ['2019-02-02', 'q', 'sco', 'rwdlacup', '2099-12-31T00:00:00Z'];
const signed = [ACCOUNT, permissions, services, resources, '', expiry, '', '', version, ''].join('\n');
const signature = createHmac('sha256', Buffer.from(KEY, 'base64')).update(signed, 'utf8').digest('base64');
const query = { sv: version, ss: services, srt: resources, sp: permissions, se: expiry, sig: signature };
console.log(new URLSearchParams(query).toString());
