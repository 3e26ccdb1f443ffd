import { defineError, type Fault } from "../core/index.ts";
import type { DeclarationProblem, SourceLocation } from "../spec/index.ts";

const define = (code: `NEB${number}`, title: string, hint: string): Fault =>
  defineError({ code, status: 422, title, retry: false, hint });

export const syntaxError = define(
  "NEB100",
  "Syntax error",
  "Correct the text; an editor with TypeScript shows it too.",
);
export const importRefused = define(
  "NEB101",
  "Import not allowed",
  'A declaration imports "@nebuladb/platform", files of its own project and the tenant\'s shared/ folder, with ".ts".',
);
export const importNotFound = define("NEB102", "Imported file not found", "Check the path; it ends with .ts.");
export const declarationThrew = define("NEB103", "The declaration threw an error", "Correct what the message names.");
export const outOfTime = define(
  "NEB104",
  "The declaration ran too long",
  "A declaration only describes: remove the loop, or compute less.",
);
export const outOfMemory = define(
  "NEB105",
  "The declaration used too much memory",
  "A declaration only describes: build less data, recurse less deeply.",
);
export const sandboxDied = define(
  "NEB106",
  "The sandbox ended",
  "Something in this project breaks the evaluation; remove what was added last. Other projects are not affected.",
);
export const nondeterministic = define(
  "NEB107",
  "Not deterministic",
  "The same text must mean the same database: write the value down.",
);
export const notADeclaration = define(
  "NEB108",
  "No declaration",
  'Write export default new Postgres("name", {...}); code that others import belongs into a shared/ folder.',
);
export const notPlainData = define(
  "NEB109",
  "Not plain data",
  "Options are text, numbers, booleans, lists and objects.",
);
export const fileNameDiffers = define(
  "NEB120",
  "The file is named otherwise",
  "Name the file after the database; the name is the database's identity.",
);
export const noProjectFile = define(
  "NEB121",
  "No project.ts",
  'Add project.ts with: export default project({ placement: "local" });',
);
export const noTenantFile = define(
  "NEB122",
  "No tenant.ts",
  'Add tenant.ts with: export default tenant({ displayName: "..." });',
);
export const emptyRepository = define(
  "NEB123",
  "No declarations",
  "Put projects in tenants/<tenant>/<project>/. Nothing that runs is touched until then.",
);
export const pathTwins = define("NEB124", "Paths that some systems cannot tell apart", "Rename one of them.");
export const badFile = define("NEB125", "File not allowed", "Only plain .ts files declare; remove it or rename it.");
export const fleetIncomplete = define(
  "NEB128",
  "The fleet's declarations are incomplete",
  "tenants/fleet/ declares quotas, prices, policies and providers, each once.",
);
export const migrationName = define(
  "NEB140",
  "A migration's file is named otherwise",
  "Name it with its number first: tenants/<tenant>/<project>/<database>/migrations/0001_what_it_does.sql.",
);
export const migrationTwin = define(
  "NEB141",
  "Two migrations with one number",
  "Give the one that was not merged yet the next free number.",
);
export const migrationOrphan = define(
  "NEB142",
  "Migrations of no database",
  "The folder is named after a Postgres database that this project declares.",
);
export const migrationText = define(
  "NEB143",
  "A migration's file cannot be used",
  "A migration is a text of SQL in UTF-8 with at least one statement, of at most 1 MiB; a database has at most 5,000 of them.",
);
export const evaluatorUnavailable = defineError({
  code: "NEB130",
  status: 503,
  title: "The evaluator does not start",
  retry: true,
  hint: "Run ./nebula doctor; it checks the installation.",
});

export const problemAt = (
  fault: Fault,
  at: SourceLocation,
  message: string,
  hint: string = fault.definition.hint,
): DeclarationProblem => ({
  file: at.file,
  line: at.line,
  column: at.column,
  code: fault.definition.code,
  message,
  hint,
});

export const topOf = (file: string): SourceLocation => ({ file, line: 1, column: 1 });

/** What is told at once, of one file and of all: the answer crosses processes, and ends in a comment. */
const mostOfOne = 100;
const mostOfAll = 1_000;

/** Sorted by place, without repeats: one broken shared file is one problem, however many import it. */
export function orderProblems(problems: readonly DeclarationProblem[]): DeclarationProblem[] {
  const key = (one: DeclarationProblem) => `${one.file}\0${one.line}\0${one.column}\0${one.code}\0${one.message}`;
  const ordered = [...new Map(problems.map((one) => [key(one), one])).values()].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.code, b.code),
  );
  return [...Map.groupBy(ordered, (one) => one.file).values()]
    .flatMap((ofOne) => ofOne.slice(0, mostOfOne))
    .slice(0, mostOfAll);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
