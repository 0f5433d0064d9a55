#!/usr/bin/env python3
"""A client of shaketable in Python (docs/client-protocol.md): the interface "register", on etcd's JSON gateway.

Standard library only. Option "prefix": keys begin with it.
"""
import base64
import http.client
import json
import sys
import urllib.parse


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Unknown(Exception):
    """Nobody knows whether it happened."""


class Refused(Exception):
    """It certainly did not happen."""


class Etcd:
    def __init__(self, hello):
        self.url = urllib.parse.urlsplit(hello["url"])
        self.prefix = hello["options"].get("prefix", "/shaketable-exec/") + hello["run"] + "/"
        self.connection = None

    def post(self, path, body, timeout_ms):
        if self.connection is None:
            connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=timeout_ms / 1000)
            try:
                connection.connect()
            except OSError as error:  # nothing was sent
                raise Refused(str(error))
            self.connection = connection
        self.connection.sock.settimeout(timeout_ms / 1000)
        try:
            self.connection.request("POST", path, json.dumps(body))
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            raise Unknown(repr(error))
        if answer.status != 200:  # some of these were refused beforehand; unknown is always true
            raise Unknown("%d: %s" % (answer.status, content.decode(errors="replace")[:200]))
        return json.loads(content)

    def key(self, key):
        return encoded(self.prefix + json.dumps(key))

    def invoke(self, f, value, timeout_ms):
        key, argument = value
        name = self.key(key)
        if f == "read":
            found = self.post("/v3/kv/range", {"key": name}, timeout_ms).get("kvs")
            return [key, json.loads(base64.b64decode(found[0]["value"])) if found else None]
        if f == "write":
            self.post("/v3/kv/put", {"key": name, "value": encoded(json.dumps(argument))}, timeout_ms)
            return value
        if f == "cas":
            old, new = argument
            compare = {"key": name, "result": "EQUAL", "target": "VALUE", "value": encoded(json.dumps(old))}
            if old is None:
                compare = {"key": name, "result": "EQUAL", "target": "VERSION", "version": "0"}
            put = {"requestPut": {"key": name, "value": encoded(json.dumps(new))}}
            if not self.post("/v3/kv/txn", {"compare": [compare], "success": [put]}, timeout_ms).get("succeeded"):
                raise Refused("did not match")
            return value
        raise Refused("no such function")

    def remove_data(self, timeout_ms):
        end = self.prefix[:-1] + chr(ord(self.prefix[-1]) + 1)
        self.post("/v3/kv/deleterange", {"key": encoded(self.prefix), "range_end": encoded(end)}, timeout_ms)


def handle(state, message):
    what = message["do"]
    if what == "hello":
        if message["protocol"] != 1:
            raise Refused("this program speaks protocol 1")
        state["etcd"] = Etcd(message)
    elif what == "invoke":
        return state["etcd"].invoke(message["f"], message["value"], message["timeout_ms"])
    elif what == "probe":
        state["etcd"].post("/v3/maintenance/status", {}, message["timeout_ms"])
    elif what == "remove_data":
        state["etcd"].remove_data(message["timeout_ms"])
    elif what not in ("open", "setup", "close"):
        raise Refused("unknown message")
    return None


def main():
    state = {}
    for line in sys.stdin:
        message = json.loads(line)
        answer = {"id": message["id"], "type": "ok"}
        try:
            answer["value"] = handle(state, message)
        except Refused as error:
            answer.update(type="fail", error=str(error))
        except Unknown as error:
            answer.update(type="info", error=str(error))
        print(json.dumps(answer), flush=True)
        if message["do"] == "close":
            return


main()
