"""Uses the client that openapi-python-client made of the document, as a program would.

Arguments: the address of a server. What a patch does not name must be the same before and after.
"""

import sys
from http import HTTPStatus
from typing import Any
from uuid import UUID

from persona_client import AuthenticatedClient
from persona_client.api.personas import (
    create_persona,
    delete_persona,
    get_persona,
    list_personas,
    patch_persona,
    replace_persona,
    undelete_persona,
)
from persona_client.api.server import get_status
from persona_client.models import (
    Asset,
    ContentRating,
    ContentRatingDefault,
    ListPersonasFieldsItem,
    Persona,
    PersonaCreate,
    PersonaCreateExtensionsType0,
    PersonaMergePatch,
    PersonaPage,
    PersonaPart,
    PersonaReplace,
    Problem,
    Status,
)
from persona_client.types import Response

CHANGES_EACH_TIME = {"revision", "updated_at", "content_hash"}


def persona(response: Response[Any], status: int) -> tuple[Persona, str]:
    """The persona of an answer, and its entity tag."""
    assert response.status_code == HTTPStatus(status), response.content
    assert isinstance(response.parsed, Persona), response.content
    return response.parsed, response.headers["etag"]


def changed(before: Persona, after: Persona) -> set[str]:
    old, new = before.to_dict(), after.to_dict()
    assert old.keys() == new.keys()
    return {name for name in old if old[name] != new[name]} - CHANGES_EACH_TIME


def main(address: str) -> None:
    # A server that is open looks at no token.
    client = AuthenticatedClient(base_url=address, token="any")
    extensions = PersonaCreateExtensionsType0.from_dict({"any": {"depth": [1, 2.5, None, {"a": "b"}]}, "n": 2**60})
    document = PersonaCreate(
        name="Ada",
        nickname="the Countess",
        description="Wrote the first program.",
        tags=["maths", "poetry"],
        alternate_greetings=["Good day."],
        content_rating=ContentRating(default=ContentRatingDefault.SFW, allowed=[]),
        assets=[Asset(type_="icon", uri="ccdefault:", name="main", ext="png")],
        is_active=False,
        extensions=extensions,
        handle="ada",
    )
    refused = create_persona.sync_detailed(client=client, body=document)
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and isinstance(refused.parsed, Problem), refused.content
    assert refused.parsed.code == "invalid" and refused.parsed.errors
    document.content_rating = None
    made, _ = persona(create_persona.sync_detailed(client=client, body=document, idempotency_key="made-once"), 201)
    again, _ = persona(create_persona.sync_detailed(client=client, body=document, idempotency_key="made-once"), 201)
    assert made == again
    assert made.extensions.to_dict() == extensions.to_dict() and made.kind == "character"

    patch = PersonaMergePatch(nickname="Ada L.")
    patched, tag = persona(patch_persona.sync_detailed(str(made.id), client=client, body=patch), 200)
    assert changed(made, patched) == {"nickname"}
    cleared, tag = persona(patch_persona.sync_detailed(str(made.id), client=client, body=PersonaMergePatch(handle=None)), 200)
    assert changed(patched, cleared) == {"handle"} and cleared.handle is None

    read, read_tag = persona(get_persona.sync_detailed(str(made.id), client=client), 200)
    assert read == cleared and read_tag == tag
    assert get_persona.sync_detailed(str(made.id), client=client, if_none_match=tag).status_code == HTTPStatus.NOT_MODIFIED

    # What was read goes back as it is, with one field changed.
    whole = PersonaReplace.from_dict({**read.to_dict(), "creator": "somebody"})
    replaced, tag = persona(replace_persona.sync_detailed(str(made.id), client=client, body=whole, if_match=tag), 200)
    assert changed(read, replaced) == {"creator"}
    stale = replace_persona.sync_detailed(str(made.id), client=client, body=whole, if_match=read_tag)
    assert isinstance(stale.parsed, Problem) and stale.parsed.code == "stale", stale.content

    page = list_personas.sync(client=client, tag=["maths"], q="Ada", is_active=False, limit=10)
    assert isinstance(page, PersonaPage) and page.items == [replaced] and page.next_cursor is None
    part = list_personas.sync(client=client, fields=[ListPersonasFieldsItem.ID, ListPersonasFieldsItem.NAME])
    assert isinstance(part, PersonaPage)
    assert part.items == [PersonaPart(id=made.id, name="Ada")]

    deleted = delete_persona.sync_detailed(str(made.id), client=client, if_match=tag)
    assert deleted.status_code == HTTPStatus.NO_CONTENT
    gone = get_persona.sync(str(made.id), client=client)
    assert isinstance(gone, Problem) and gone.code == "deleted"
    restored, _ = persona(undelete_persona.sync_detailed(str(made.id), client=client), 200)
    assert changed(replaced, restored) == set()
    nobody = get_persona.sync(str(UUID(int=7)), client=client)
    assert isinstance(nobody, Problem) and nobody.code == "no_such_persona"
    status = get_status.sync(client=client)
    assert isinstance(status, Status) and status.personas == 1


if __name__ == "__main__":
    main(sys.argv[1])
