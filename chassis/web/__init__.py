"""HTTP at a service's edge: the application, its errors, forms, limits, docs and operations."""

from chassis.web.application import Hot, application
from chassis.web.cors import Share
from chassis.web.described import pages, refuses
from chassis.web.edge import may_be_framed
from chassis.web.forms import Form, oauth_form, parse_form
from chassis.web.gate import Handler
from chassis.web.problem import Json, problem, refused

__all__ = [
    "Form",
    "Handler",
    "Hot",
    "Json",
    "Share",
    "application",
    "may_be_framed",
    "oauth_form",
    "pages",
    "parse_form",
    "problem",
    "refused",
    "refuses",
]
