/**
 * Writes the tables of docs/roles.md from the role table and the route table. `node tools/roles-doc.ts` writes, `--check` fails
 * when the file is not what it would write.
 *
 * 1. What a person wrote stands outside the markers and stays.
 * 2. A public route that nobody has justified is an error here, before any test runs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { roleScopes, roles, type Scope, scopeMeanings, scopes } from "../platform/identity/index.ts";
import { publicRoutes, routes } from "../portal/api/index.ts";

const target = join(import.meta.dirname, "../docs/roles.md");
const [begin, end] = ["<!-- roles: made by tools/roles-doc.ts -->", "<!-- /roles -->"];

type Entry = (typeof routes)[number];

export function renderRoles(table: readonly Entry[]): string {
  const guarded = table.filter(({ scope }) => scope !== "public");
  return [
    "## Scopes of each role\n",
    row(["scope", "what it is for", ...roles]),
    row(["---", "---", ...roles.map(() => ":-:")]),
    ...scopes.map((scope) => row([`\`${scope}\``, scopeMeanings[scope], ...held(scope)])),
    "",
    "## Operations of each role\n",
    row(["operation", "route", "scope", ...roles]),
    row(["---", "---", "---", ...roles.map(() => ":-:")]),
    ...guarded.map((entry) =>
      row([entry.operationId, routeOf(entry), `\`${entry.scope}\``, ...held(entry.scope as Scope)]),
    ),
    "",
    "## Routes that answer anybody\n",
    row(["operation", "route", "why"]),
    row(["---", "---", "---"]),
    ...table
      .filter(({ scope }) => scope === "public")
      .map((entry) => row([entry.operationId, routeOf(entry), whyOf(entry)])),
  ].join("\n");
}

const held = (scope: Scope) => roles.map((role) => (roleScopes[role].has(scope) ? "yes" : ""));
const routeOf = ({ method, path }: Entry) => `\`${method.toUpperCase()} ${path}\``;
const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

function whyOf({ operationId }: Entry): string {
  const why = publicRoutes[operationId];
  if (why === undefined) throw new Error(`${operationId} is public and not in portal/api/public.ts`);
  return why;
}

if (import.meta.main) {
  const before = readFileSync(target, "utf8");
  const [head = "", rest = ""] = before.split(begin);
  const tail = rest.split(end)[1] ?? "\n";
  const text = `${head}${begin}\n${renderRoles(routes)}\n${end}${tail}`;
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (text !== before) {
    console.error("docs/roles.md is not what the code says; run `node tools/roles-doc.ts`");
    process.exit(1);
  }
}
