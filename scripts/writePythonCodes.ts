/**
 * Writes `execution/codes.py` from the one table of codes: `node scripts/writePythonCodes.ts`. With `--print`
 * it only prints.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CODES } from '../src/errors/codes.ts'

const entries = Object.entries(CODES).map(
  ([code, { status, retryable, meaning, fix }]) => `    ${JSON.stringify(code)}: CodeEntry(
        status=${status},
        retryable=${retryable ? 'True' : 'False'},
        meaning=${JSON.stringify(meaning)},
        fix=${JSON.stringify(fix)},
    ),
`,
)

const text = `"""The server's codes. Written by scripts/writePythonCodes.ts from src/errors/codes.ts; not edited by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What one code means to a caller."""

    #: HTTP status when the code is the whole answer.
    status: int
    #: True when the same request, with the same signal_id, may succeed later unchanged.
    retryable: bool
    meaning: str
    fix: str


_CODES: dict[str, CodeEntry] = {
${entries.join('')}}

CODES: Mapping[str, CodeEntry] = MappingProxyType(_CODES)
`

if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(join(import.meta.dirname, '..', 'execution', 'codes.py'), text)
