"""Translates the messages of a template when it is compiled, so that a message without values costs nothing in a mail.

Jinja would look each message up in every mail, some 5 µs each, and a digest has fifty. An environment with this code
generator belongs to one language, which is the current one whenever its templates are compiled.
"""

from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.visitor import NodeTransformer

from digest.text.languages import gettext

_NAMES = {"_", "gettext"}


class FoldingCodeGenerator(CodeGenerator):
    """Replaces each message without values by its translation, then generates code as usual."""

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: N802 - the name of Jinja
        """Generate the code of a template."""
        super().visit_Template(_Folding().visit(node), frame)


class _Folding(NodeTransformer):
    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - the name of Jinja
        self.generic_visit(node)
        match node:
            case nodes.Call(
                node=nodes.Name(name=name), args=[nodes.Const(value=str(message))], kwargs=[]
            ) if name in _NAMES:
                # As Jinja does: the message is HTML, and a doubled percent sign stands for one.
                return nodes.TemplateData(gettext(message) % {}, lineno=node.lineno)
        return node
