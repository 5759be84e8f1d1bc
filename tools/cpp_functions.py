"""Finds the functions of a C++ file and their first and last lines, without a compiler.

The file is blanked of comments and literals; then every brace is judged by the words before it (its
head) and by the brace that encloses it. A brace whose head has parentheses, and that is enclosed
only by namespaces and classes, opens a function. Lambdas and blocks inside belong to it.
"""

import re

_BLANK = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![\w])\'(?:\\.|[^\'\\\n])+\'',
    re.S)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
_CONTAINER = re.compile(r"^(?:inline\s+)?namespace\b|^extern\b(?!.*\()")
_CLASS = re.compile(r"\b(?:class|struct|union|enum)\b[^()]*$|\benum\b")
_ATTRIBUTE = re.compile(r"\[\[.*?\]\]|\balignas\s*\([^)]*\)")


def blank(text):
    """`text` with comments and literals replaced by spaces; line breaks stay."""
    return _BLANK.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def _kind(head, enclosing):
    """What a brace with this head opens: "container", "function" or "other"."""
    if any(kind != "container" for kind in enclosing):
        return "other"
    head = _ATTRIBUTE.sub(" ", head).strip()
    head = re.sub(r"^template\s*<.*?>\s*(?=\w)", "", head, flags=re.S)
    if _CONTAINER.search(head):
        return "container"
    if head.count("(") > head.count(")"):
        return "argument"  # a default argument, or an argument of an initialiser
    if re.search(r"(?<!operator)(?<![=!<>])=\s*$", head):
        return "other"  # `int table[] = {`
    if "(" in head:
        return "function"
    return "container" if _CLASS.search(head) else "other"


def _name(head):
    match = re.search(r"([~\w:]+(?:\s*operator\s*\S+)?)\s*\(", head)
    return match.group(1) if match else "?"


def functions(text):
    """[(name, first line, last line)] in order of their end; lines count from 1."""
    text = _PREPROCESSOR.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), blank(text))
    found, stack = [], []  # stack: (kind, head, line of the head)
    head, head_line, line = "", 1, 1
    for position, char in enumerate(text):
        if char == "\n":
            line += 1
        if char == "{":
            kind = _kind(head, [entry[0] for entry in stack])
            stack.append((kind, head, head_line))
            head = ""
        elif char == "}":
            if not stack:
                break  # unbalanced by the preprocessor: give up on the rest
            kind, opened_head, opened_line = stack.pop()
            rest = text[position + 1:position + 200].lstrip()
            member_initialiser = kind == "function" and rest[:1] in (",", "{")
            if member_initialiser or kind == "argument":
                head, head_line = opened_head + "{}", opened_line
                continue
            if kind == "function":
                found.append((_name(opened_head), opened_line, line))
            head = ""
        elif char == ";":
            if "(" not in head or head.count("(") <= head.count(")"):
                head = ""
        else:
            if not head.strip() and not char.isspace():
                head_line = line
            head += char
            if char == ":" and re.search(r"\b(?:public|private|protected)\s*:$", head):
                head = ""
    return found
