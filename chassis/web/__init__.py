"""HTTP at a service's edge: the application, its errors, forms, limits, docs and operations."""

from chassis.web.application import Hot, application
from chassis.web.cors import Share
from chassis.web.described import pages, refuses
from chassis.web.edge import may_be_framed
from chassis.web.forms import Form, is_form, oauth_form, parse_form
from chassis.web.gate import Handler
from chassis.web.problem import NO_STORE, Json, problem, refused

__all__ = [
    "NO_STORE",
    "Form",
    "Handler",
    "Hot",
    "Json",
    "Share",
    "application",
    "is_form",
    "may_be_framed",
    "oauth_form",
    "pages",
    "parse_form",
    "problem",
    "refused",
    "refuses",
]
