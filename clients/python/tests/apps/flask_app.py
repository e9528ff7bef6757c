"""A Flask app, some views of which require an identity."""

import time
from collections.abc import Iterator

from flask import Flask, Response, request
from verifying import OPTIONS, URL, who

import keyward.flask
from keyward import Verifier

app = Flask(__name__)
keyward.flask.install(app, Verifier(URL, **OPTIONS))


@app.get("/open")
def open_to_all() -> dict[str, str]:
    return {}


@app.route("/me", methods=["GET", "POST"])
@keyward.flask.requires()
def me() -> dict[str, object]:
    return who(keyward.flask.identity(), request.headers.keys())


@app.get("/admin")
@keyward.flask.requires(role="admin")
def admin() -> dict[str, object]:
    return me()


@app.get("/payments")
@keyward.flask.requires(acr="2")
def payments() -> dict[str, object]:
    return {}


@app.get("/recent")
@keyward.flask.requires(max_age=0)
def recent() -> dict[str, object]:
    return {}


@app.get("/cached")
@keyward.flask.requires()
def cached() -> Response:
    return Response("", headers={"Cache-Control": "max-age=60", "Vary": "accept"})


@app.get("/events")
@keyward.flask.requires()
def events() -> Response:
    def ticks() -> Iterator[str]:
        while True:
            yield "data: tick\n\n"
            time.sleep(0.02)

    return Response(ticks(), mimetype="text/event-stream")
