"""Projections and reactions (RULES 6).

A `Projection` says once how events change rows. A `TableProjection` keeps those rows in the database, one active per
service; a `MemoryProjection` starts from them and follows, one in each process. A `Reaction` turns another service's
event into a command of one's own, once.
"""

from eventlog.projection.change import Change, Drop, DropGroup, Patch, Projection, Put, foreign
from eventlog.projection.lookup import Lookup, Unlearnt
from eventlog.projection.memory import MemoryProjection, MemoryRows, Sink, Unkept
from eventlog.projection.reaction import Reaction, reaction_id
from eventlog.projection.rows import Rows
from eventlog.projection.service import ProjectionFeed, Projections, Status
from eventlog.projection.table import TableProjection

__all__ = [
    "Change",
    "Drop",
    "DropGroup",
    "Lookup",
    "MemoryProjection",
    "MemoryRows",
    "Patch",
    "Projection",
    "ProjectionFeed",
    "Projections",
    "Put",
    "Reaction",
    "Rows",
    "Sink",
    "Status",
    "TableProjection",
    "Unkept",
    "Unlearnt",
    "foreign",
    "reaction_id",
]
