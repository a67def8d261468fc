"""The reference stack of the origin: FastAPI + SQLAlchemy async + aiosqlite, one SQLite file in WAL mode.

It is written the way that its documentation teaches, and with exactly the pragmas that the origin prescribes: they run
once at start-up, on one pooled connection. It does less than Persona Store on each write: no revision, no feed, no
search, no idempotency, no condition.

The file is filled by ./bench before the workers start. DATABASE names it.
"""

import os
from contextlib import asynccontextmanager
from datetime import datetime, timezone

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import JSON, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['DATABASE']}", connect_args={"timeout": 30})
Session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Persona(Base):
    __tablename__ = "personas"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    nickname: Mapped[str]
    description: Mapped[str]
    system_prompt: Mapped[str]
    tags: Mapped[list] = mapped_column(JSON)
    counter: Mapped[int]
    updated_at: Mapped[str]


class Change(BaseModel):
    """What a PUT may change; null means: leave it."""

    name: str | None = None
    nickname: str | None = None
    description: str | None = None
    system_prompt: str | None = None
    tags: list[str] | None = None


class Answer(BaseModel):
    model_config = {"from_attributes": True}

    id: str
    name: str
    nickname: str
    description: str
    system_prompt: str
    tags: list[str]
    counter: int
    updated_at: str


@asynccontextmanager
async def lifespan(_app: FastAPI):
    async with engine.connect() as connection:
        await connection.execute(text("PRAGMA journal_mode=WAL"))
        await connection.execute(text("PRAGMA synchronous=NORMAL"))
        await connection.execute(text("PRAGMA busy_timeout=30000"))
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def found(session, persona_id: str) -> Persona:
    persona = await session.get(Persona, persona_id)
    if persona is None:
        raise HTTPException(status_code=404, detail="no such persona")
    return persona


@app.get("/personas/{persona_id}", response_model=Answer)
async def get_persona(persona_id: str):
    async with Session() as session:
        return await found(session, persona_id)


@app.put("/personas/{persona_id}", response_model=Answer)
async def put_persona(persona_id: str, change: Change):
    async with Session() as session:
        persona = await found(session, persona_id)
        for field, value in change.model_dump(exclude_none=True).items():
            setattr(persona, field, value)
        persona.updated_at = datetime.now(timezone.utc).isoformat()
        await session.commit()
        return persona


@app.post("/personas/{persona_id}/increment", response_model=Answer)
async def increment_persona(persona_id: str):
    async with Session() as session:
        persona = await found(session, persona_id)
        persona.counter = persona.counter + 1
        await session.commit()
        return persona
