"""Uses the models that datamodel-code-generator made of the document, over plain HTTP.

Arguments: the address of a server, and the document. Besides, every pattern of a parameter is held against the server.
"""

import json
import re
import sys
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

from models import ContentRating, Persona, PersonaCreate, PersonaMergePatch, PersonaPage, PersonaReplace, Problem, Status

CHANGES_EACH_TIME = {"revision", "updated_at", "content_hash"}
PERSONAS = "/api/v1/personas"

GOOD = {
    "If-Match": ['"7-9f3c21aa"', 'W/"7-9f3c21aa"', '"a", "b"', '"a","b"', '""', "*"],
    "Idempotency-Key": ["a", "!" * 255, '"quoted"', '"with\\"quote"', 'a"b'],
    "X-Persona-Author": ["a", "Ada Lovelace", "x" * 128],
    "updated_since": ["2026-11-24T18:10:41Z", "2026-11-24T18:10:41.123456+02:00", "0-0000000000000000"],
    "id": ["0193b0c2-7f3e-7a10-8c1d-000000000001", "0193B0C2-7F3E-7A10-8C1D-000000000001"],
    "q": ["ada", "x" * 1024],
    "limit": ["1", "1000"],
    "is_active": ["true", "false"],
    "fields": ["id", "id,name"],
    "revision": ["1", str(2**63 - 1)],
}
BAD = {
    "If-Match": ["7", '"7', "w/\"7\"", '*, "7"', '"7" "8"', '"a b"'],
    "Idempotency-Key": ["!" * 256, "two words", '""'],
    "X-Persona-Author": ["x" * 129],
    "updated_since": ["yesterday", "2026-11-24", "1-", "-1-9f3c21aa01b2c3d4"],
    "cursor": ["", "zz", "abc", "00", "0" * 46, "0" * 48 + "x"],
    "id": ["1", "0193b0c27f3e7a108c1d000000000001", "{0193b0c2-7f3e-7a10-8c1d-000000000001}"],
    "q": ["x" * 1025],
    "limit": ["0", "1001", "1.0", "+1", "many"],
    "is_active": ["1", "True", ""],
    "fields": ["nmae", ""],
    "revision": ["0", "-1", "x"],
}


class Server:
    def __init__(self, address: str) -> None:
        self.address = urlsplit(address).netloc

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        connection = HTTPConnection(self.address)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent if body is None else {"Content-Type": "application/json", **sent})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}


def changed(before: Persona, after: Persona) -> set[str]:
    old, new = before.model_dump(), after.model_dump()
    return {name for name in old if old[name] != new[name]} - CHANGES_EACH_TIME


def use(server: Server) -> None:
    document = PersonaCreate(name="Ada", tags=["maths"], extensions={"any": [1, {"a": None}]}, is_active=False)
    status, text, _ = server.send("POST", PERSONAS, document.model_dump_json(exclude_unset=True))
    assert status == 201, text
    made = Persona.model_validate_json(text)
    assert made.extensions == document.extensions
    path = f"{PERSONAS}/{made.id}"
    # Sent whole, as a careless client would: what is not set has no value of its own that could be
    # sent.
    patch = PersonaMergePatch(nickname="the Countess").model_dump_json(exclude_none=True)
    assert patch == '{"nickname":"the Countess"}', patch
    status, text, _ = server.send("PATCH", path, patch)
    patched = Persona.model_validate_json(text)
    assert changed(made, patched) == {"nickname"}
    status, text, headers = server.send("GET", path)
    assert Persona.model_validate_json(text) == patched
    whole = PersonaReplace.model_validate({**json.loads(text), "creator": "somebody"})
    status, text, headers = server.send("PUT", path, whole.model_dump_json(exclude_unset=True), If_Match=headers["etag"])
    assert status == 200, text
    assert changed(patched, Persona.model_validate_json(text)) == {"creator"}
    page = PersonaPage.model_validate_json(server.send("GET", PERSONAS)[1])
    assert [item.id for item in page.items] == [made.id]
    assert ContentRating.model_validate({"default": "sfw", "allowed": ["sfw"]}) == made.content_rating
    status, text, _ = server.send("DELETE", path, If_Match=headers["etag"])
    assert status == 204, text
    problem = Problem.model_validate_json(server.send("GET", path)[1])
    assert problem.undelete == f"{path}/undelete"
    Status.model_validate_json(server.send("GET", "/api/v1/status")[1])


def says(schema: dict[str, Any], value: str) -> bool:
    """Whether a schema of the document takes a text as a parameter."""
    if schema["type"] == "array":
        items: dict[str, Any] = schema["items"]
        return all(says(items, item) for item in value.split(","))
    if schema["type"] == "integer":
        return value.isdecimal() and schema["minimum"] <= int(value) <= schema["maximum"]
    if schema["type"] == "boolean":
        return value in ("true", "false")
    if "enum" in schema and value not in schema["enum"]:
        return False
    fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", sys.maxsize)
    return fits and ("pattern" not in schema or re.search(schema["pattern"], value) is not None)


def hold_against_the_server(server: Server, document: dict[str, Any]) -> None:
    """What the document says of a parameter is what the server does: a 400 names it, or it does not."""
    item = document["paths"][f"{PERSONAS}/{{id}}"]
    rows = [*item["parameters"], *item["get"]["parameters"], *item["patch"]["parameters"], *document["paths"][PERSONAS]["get"]["parameters"]]
    schemas = {row["name"]: (row["in"], row["schema"]) for row in rows}
    nobody = f"{PERSONAS}/{GOOD['id'][0]}"
    for good, cases in ((True, GOOD), (False, BAD)):
        for name, values in cases.items():
            place, schema = schemas[name]
            for value in values:
                assert says(schema, value) is good, f"the document and this test differ: {name}: {value}"
                if place == "path":
                    status, text, _ = server.send("GET", f"{PERSONAS}/{quote(value)}")
                    taken = "an id is a UUID" not in text
                elif place == "header":
                    status, text, _ = server.send("PATCH", nobody, "{}", **{name: value})
                    taken = "bad_header" not in text
                else:
                    path = nobody if name == "revision" else PERSONAS
                    status, text, _ = server.send("GET", f"{path}?{name}={quote(value)}")
                    taken = status not in (400, 422)
                assert taken is good, f"{name}: {value} was answered {status} {text}"


if __name__ == "__main__":
    use(Server(sys.argv[1]))
    with open(sys.argv[2], encoding="utf-8") as file:
        hold_against_the_server(Server(sys.argv[1]), json.load(file))
