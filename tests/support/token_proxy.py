"""Stands between driveway and the simulator's OAuth endpoints, and changes what they answer."""

import http.server
import threading
import urllib.error
import urllib.request


class TokenProxy:
    """`change(status, headers, body)` gives the same three, changed; called for each answer. A context manager."""

    def __init__(self, target, change):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, body = change(*proxy._ask(self.path, self.headers["Content-Type"], body))
                self.send_response_only(status)  # no Date of its own
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._target = target
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _ask(self, path, content_type, body):
        request = urllib.request.Request(self._target + path, data=body, headers={"Content-Type": content_type})
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            kept = {name: answer.headers[name] for name in ("Content-Type", "Date")}
            return answer.status, kept, answer.read()

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()
