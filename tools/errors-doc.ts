/**
 * Writes docs/errors.md from the definitions in the code: every file that calls `defineError` is loaded, and what it defined is
 * listed. `node tools/errors-doc.ts` writes, `--check` fails when the file is not what it would write.
 *
 * 1. Loading such a file has no effect besides the definitions (no side effect on import); a code defined twice throws.
 * 2. A code belongs to the room whose file spells it.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { definedErrors, type ErrorDefinition } from "../platform/core/index.ts";

type Entry = ErrorDefinition & { readonly room: string };

const root = join(import.meta.dirname, "..");
const target = join(root, "docs/errors.md");
const rooms = ["platform", "reconciler", "portal", "gateway", "charts", "launcher"];

/** What each hundred is about; the same words as in platform/core/errors.ts. */
const ranges: Readonly<Record<string, string>> = {
  NEB1: "Declarations",
  NEB2: "Plan, policy, quota",
  NEB3: "Deployment, compute, Git",
  NEB4: "Observation",
  NEB5: "Usage",
  NEB6: "Portal, edits, identity, GitHub",
  NEB7: "Gateway",
  NEB9: "Internal, launcher",
};

export async function readErrors(): Promise<Entry[]> {
  const files = globSync(
    rooms.map((room) => `${room}/**/*.ts`),
    { cwd: root },
  )
    .filter((file) => !/node_modules|dist\/|\.test\.ts$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }))
    .filter(({ text }) => text.includes("defineError("));
  for (const { file } of files) await import(join(root, file));
  return definedErrors().map((definition) => {
    const home = files.find(({ text }) => text.includes(`"${definition.code}"`))?.file;
    return { ...definition, room: home === undefined ? "" : dirname(home) };
  });
}

export function renderErrors(entries: readonly Entry[]): string {
  const sections = Object.entries(ranges).flatMap(([range, title]) => {
    const own = entries.filter((entry) => entry.code.startsWith(range));
    if (own.length === 0) return [];
    const rows = own.map(
      ({ code, status, title, retry, hint, room }) =>
        `| <a id="${code}"></a>\`${code}\` | ${title} | ${status} | ${retry ? "yes" : "no"} | ${cell(hint)} | ${room} |`,
    );
    return [
      `## ${range}xx: ${title}\n`,
      "| code | what | HTTP | retry | what to do | room |",
      "|---|---|---|---|---|---|",
      ...rows,
      "",
    ];
  });
  return [
    "# Errors\n",
    "Every coded error, generated from the code by `node tools/errors-doc.ts`. A code never changes its meaning and is never used",
    'again. "Retry" says whether the same request can succeed without anybody changing anything. Over HTTP an error is a problem',
    "document (RFC 9457); on the command line it is the code, a sentence, and what to do.\n",
    ...sections,
  ].join("\n");
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

if (import.meta.main) {
  const text = `${renderErrors(await readErrors()).trimEnd()}\n`;
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (text !== readFileSync(target, "utf8")) {
    console.error("docs/errors.md is not what the code says; run `node tools/errors-doc.ts`");
    process.exit(1);
  }
}
