"""Definitions in and out, as RabbitMQ's definitions.json. Must not: read or write one itself (`definitions`)."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import ASGIApp, Message

from broker.definitions.document import DOCUMENT_BYTES_MAX
from broker.definitions.transfer import Transfer
from broker.http_pieces import Pieces, in_steps
from broker.management.answers import JSON, no_content, stored
from broker.management.call import Call, bad_request
from broker.management.endpoint import ANYTHING, ARRAY, NO_CONTENT, TEXT, UNAVAILABLE, Endpoint, Query, rows, shape

UPLOAD_BYTES_MAX: Final = DOCUMENT_BYTES_MAX + 64 * 1024  # with the form around it
FIELDS_MAX: Final = 10
FILE_FIELD: Final = "file"
FILE_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
DEFINITIONS: Final = shape(
    "Definitions", rabbit_version=TEXT, rabbitmq_version=TEXT, product_name=TEXT, product_version=TEXT, users=ARRAY,
    vhosts=ARRAY, permissions=ARRAY, topic_permissions=ARRAY, parameters=ARRAY, global_parameters=ARRAY,
    policies=ARRAY, queues=ARRAY, exchanges=ARRAY, bindings=ARRAY,
)  # fmt: skip
WANTED: Final = shape("DefinitionsWanted", queues=ANYTHING, exchanges=ANYTHING, bindings=ANYTHING)
DOWNLOAD: Final = (Query("download", TEXT, "Name of the file as which a browser is to keep the answer"),)


def _vhost(call: Call) -> str | None:
    return call.vhost if "vhost" in call.request.path_params else None


async def export(call: Call) -> ASGIApp:
    """All definitions, or those of a vhost."""
    pieces = Pieces(Transfer(call.api.node).export(_vhost(call)), JSON)
    name = call.text("download")
    if not name:
        return pieces
    if not FILE_NAME.fullmatch(name):
        raise bad_request("download is a file's name of letters, digits and _ . @ -")
    pieces.headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
    return pieces


async def load(call: Call) -> ASGIApp:
    """Takes definitions in, as JSON or as a file that a form uploads."""
    data = await call.raw_body(UPLOAD_BYTES_MAX)
    if call.request.headers.get("content-type", "").startswith("multipart/form-data"):
        data = await _uploaded(call.request, data)
    try:
        await in_steps(Transfer(call.api.node).load(data, _vhost(call)))
    except RecursionError:
        raise bad_request("nested too deeply") from None
    await stored(call.api.administration)
    return no_content()


async def _uploaded(request: Request, data: bytes) -> bytes:
    """The file in a form. Raises: Refused 400."""

    async def whole() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    async with Request(request.scope, whole).form(max_files=1, max_fields=FIELDS_MAX) as form:
        file = form.get(FILE_FIELD)
        if not isinstance(file, UploadFile):
            raise bad_request(f"the form has no file named {FILE_FIELD}")
        return await file.read()


PATH: Final = "/definitions"
ENDPOINTS: Final = rows(
    Endpoint("GET", PATH, "definitions.export", export, "All definitions", DOWNLOAD, answer=DEFINITIONS),
    Endpoint("POST", PATH, "definitions.import", load,
             "Take definitions in, as JSON or as the file of a form (multipart/form-data)", body=WANTED,
             status=NO_CONTENT, others=(UNAVAILABLE,)),
    Endpoint("GET", PATH + "/{vhost}", "definitions.export_vhost", export, "The definitions of a vhost", DOWNLOAD,
             answer=DEFINITIONS),
    Endpoint("POST", PATH + "/{vhost}", "definitions.import_vhost", load, "Take definitions into a vhost", body=WANTED,
             status=NO_CONTENT, others=(UNAVAILABLE,)),
)  # fmt: skip
