"""SQLAlchemy's dialect over a database in this process: a model, its migration to tables, reflection, transactions, pools.

Theory: what PostgreSQL's dialect does with our SQL is the suite's matter (compat-tests/sql/sqlalchemy_suite.py); here is what the
dialect itself adds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

import hyperdb

# As the entry point does in an installed package.
registry.register("hyperdb", "hyperdb.sqlalchemy", "HyperDBDialect")


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40), unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(index=True)
    price: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 2))
    out: Mapped[date | None]
    seen: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    tag: Mapped[UUID | None]
    notes: Mapped[Any] = mapped_column(postgresql.JSONB, nullable=True)
    words: Mapped[Any] = mapped_column(postgresql.ARRAY(sa.String), nullable=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    made = sa.create_engine("hyperdb://?frames=none&memory=16m")
    Base.metadata.create_all(made)
    yield made
    made.dispose()


def test_objects_go_and_come_back(engine: sa.Engine) -> None:
    with Session(engine) as session:
        book = Book(
            title="Notes", price=Decimal("12.50"), out=date(1843, 9, 1), seen=datetime(2020, 1, 1, tzinfo=UTC), tag=UUID(int=5),
            notes={"pages": [1, 2]}, words=["engine", "ünïque"],
        )  # fmt: skip
        session.add(Author(name="Ada", books=[book, Book(title="Letters")]))
        session.commit()
    with Session(engine) as session:
        found = session.scalars(sa.select(Book).join(Author).where(Author.name == "Ada", Book.price > 10)).one()
        assert (found.price, found.out, found.tag, found.notes, found.words) == (
            Decimal("12.50"), date(1843, 9, 1), UUID(int=5), {"pages": [1, 2]}, ["engine", "ünïque"],
        )  # fmt: skip
        assert found.seen == datetime(2020, 1, 1, tzinfo=UTC)
        assert session.scalar(sa.select(sa.func.count()).select_from(Book).where(Book.notes["pages"][0].as_integer() == 1)) == 1
        assert session.scalars(sa.select(Book.title).where(sa.literal("engine") == sa.any_(Book.words))).all() == ["Notes"]
        session.delete(found.author)
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 0


def test_errors_levels_and_savepoints(engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add(Author(name="Ada"))
        session.flush()
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            session.execute(sa.insert(Author).values(name="Ada"))
        session.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.insert(Author), [{"name": "Grace"}, {"name": "Edsger"}])
        connection.rollback()
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.scalars(sa.select(Author.name).order_by(Author.name)).all() == ["Ada", "Edsger", "Grace"]
        assert connection.get_isolation_level() == "SERIALIZABLE"
        with pytest.raises(sa.exc.ProgrammingError):
            connection.execute(sa.text("SELECT nothing"))


def test_tables_are_reflected(engine: sa.Engine) -> None:
    seen = sa.MetaData()
    seen.reflect(engine)
    assert set(seen.tables) == {"author", "book"}
    book = seen.tables["book"]
    assert isinstance(book.c.price.type, sa.Numeric) and (book.c.price.type.precision, book.c.price.type.scale) == (8, 2)
    assert [key.target_fullname for key in book.foreign_keys] == ["author.id"]
    assert [index.name for index in book.indexes] == ["ix_book_title"]


def test_a_path_is_shared_by_the_pool(tmp_path: Path) -> None:
    engine = sa.create_engine(f"hyperdb:///{tmp_path}/data?frames=none&frames_count=1000")
    Base.metadata.create_all(engine)
    with engine.connect() as one, engine.connect() as two:
        one.execute(sa.insert(Author).values(name="Ada"))
        one.commit()
        assert two.scalar(sa.select(Author.name)) == "Ada"
    engine.dispose()
    with hyperdb.open(tmp_path / "data") as db:
        assert db.sql("SELECT name FROM author").fetchall() == [("Ada",)]
    with pytest.raises(hyperdb.InterfaceError):
        sa.create_engine("hyperdb://somewhere/data")


def test_the_entry_point_names_the_dialect() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["sqlalchemy.dialects"]["hyperdb"].partition(":")
    assert issubclass(getattr(import_module(module), name), sa.engine.default.DefaultDialect)


def test_defaults_are_reflected(engine: sa.Engine) -> None:
    """SQLAlchemy takes a column for computed unless `attgenerated` is an empty text."""
    with engine.begin() as connection:
        made = "CREATE TABLE given (a int DEFAULT 5, b text DEFAULT 'x', c int GENERATED ALWAYS AS (a + 1) STORED)"
        connection.exec_driver_sql(made)
        asked = "SELECT attgenerated, ''::\"char\", ARRAY['', 'y']::\"char\"[] FROM pg_attribute"
        where = "WHERE attrelid = 'given'::regclass AND attname = 'a'"
        assert connection.exec_driver_sql(f"{asked} {where}").fetchall() == [("", "", ["", "y"])]
    found = {column["name"]: column for column in sa.inspect(engine).get_columns("given")}
    assert (found["a"]["default"], found["b"]["default"]) == ("5", "'x'::text")
    assert "computed" not in found["a"]
    assert found["c"]["computed"]["persisted"] is True
