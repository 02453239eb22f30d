"""The least a custom handler written in Python can be: it answers whatever it is asked."""

import os
import socket

listener = socket.create_server(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])))
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
