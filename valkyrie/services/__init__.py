"""Services and their endpoints, who of them may take traffic, and what their policies pick."""

from valkyrie.services.block import Block
from valkyrie.services.eligibility import Group, Request, groups_of
from valkyrie.services.endpoint import Endpoint
from valkyrie.services.picking import CompiledGroup, CompiledService
from valkyrie.services.plans import Made, Plans
from valkyrie.services.reading import read_services
from valkyrie.services.service import Service
from valkyrie.services.services import Services
from valkyrie.services.stored import (
    services_digest,
    services_from_columns,
    services_to_columns,
    targets_from_text,
    targets_text,
)
from valkyrie.services.targets import EndpointTarget, Split, Target

__all__ = [
    "Block",
    "CompiledGroup",
    "CompiledService",
    "Endpoint",
    "EndpointTarget",
    "Group",
    "Made",
    "Plans",
    "Request",
    "Service",
    "Services",
    "Split",
    "Target",
    "groups_of",
    "read_services",
    "services_digest",
    "services_from_columns",
    "services_to_columns",
    "targets_from_text",
    "targets_text",
]
