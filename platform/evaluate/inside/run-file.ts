import { z } from "zod";
import type { SourceLocation } from "../../spec/index.ts";
import {
  declarationThrew,
  nondeterministic,
  notADeclaration,
  notPlainData,
  outOfMemory,
  outOfTime,
  problemAt,
  topOf,
} from "../errors.ts";
import { optionPlace, placeOfFrame, placeOfTrace } from "./places.ts";
import type { Outcome } from "./sandbox.ts";
import { preludeModule } from "./vocabulary.ts";
import { makeLoader, type Workspace } from "./workspace.ts";

/** One declaration as a file exports it: recorded, not yet checked. */
export type Recorded = {
  readonly kind: unknown;
  readonly engine: unknown;
  readonly name: unknown;
  readonly options: unknown;
  readonly at: SourceLocation;
  /** What it is when it is no declaration at all: "undefined", "number". */
  readonly is: string | undefined;
};

export type FileResult = { readonly many: boolean; readonly declared: readonly Recorded[] };

/** A file may take this long, however much the project still has. */
const mostFileMs = 1_500;

/** Evaluates one file in a context of its own. Its problems go to the workspace; undefined when there were any. */
export async function runFile(workspace: Workspace, file: string): Promise<FileResult | undefined> {
  const { sandbox, problems, memoryBytes, deadline } = workspace;
  const timeMs = Math.min(mostFileMs, deadline - performance.now());
  if (timeMs <= 0) {
    problems.push(problemAt(outOfTime, topOf(file), "the project had used up its time before this file"));
    return undefined;
  }
  workspace.onRun(file);
  const before = problems.length;
  const outcome = await sandbox.run(mainOf(file), makeLoader(workspace, file), { memoryBytes, timeMs });
  if (problems.length > before) return undefined;
  return outcome.kind === "value" ? read(workspace, file, outcome.json) : failed(workspace, file, outcome);
}

const mainOf = (file: string): string =>
  `import { snapshot } from "${preludeModule}"; import * as module from ${JSON.stringify(file)}; export const out = snapshot(module);`;

function failed(
  { files, problems }: Workspace,
  file: string,
  outcome: Exclude<Outcome, { readonly kind: "value" }>,
): undefined {
  switch (outcome.kind) {
    case "time":
      problems.push(problemAt(outOfTime, topOf(file), "the file was stopped: it ran too long"));
      return undefined;
    case "memory":
      problems.push(
        problemAt(outOfMemory, topOf(file), "the file was stopped: it used too much memory, or recursed too deeply"),
      );
      return undefined;
    case "threw": {
      const at = placeOfTrace(files, outcome.frames) ?? topOf(file);
      if (outcome.name === "Nondeterministic") problems.push(problemAt(nondeterministic, at, outcome.message));
      else if (outcome.name === "TooLarge") problems.push(problemAt(notPlainData, topOf(file), outcome.message));
      else problems.push(problemAt(declarationThrew, at, `${outcome.name}: ${outcome.message}`));
      return undefined;
    }
  }
}

const frame = z.object({ file: z.string(), line: z.int(), column: z.int() });
const recorded = z.object({
  kind: z.unknown().optional(),
  engine: z.unknown().optional(),
  name: z.unknown().optional(),
  options: z.unknown().optional(),
  at: frame.nullish().catch(null),
  is: z.string().optional(),
  strange: z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), what: z.string() })),
});
const taken = z.object({ declared: z.array(recorded).nullable(), many: z.boolean() });

/** The program could have tampered with how it is read, so what comes out is checked like any input. */
function read({ files, problems }: Workspace, file: string, json: string): FileResult | undefined {
  const parsed = taken.safeParse(parseJson(json));
  if (!parsed.success) {
    problems.push(problemAt(notPlainData, topOf(file), "what the file exports cannot be read"));
    return undefined;
  }
  if (parsed.data.declared === null) {
    problems.push(problemAt(notADeclaration, topOf(file), "the file has no default export"));
    return undefined;
  }
  const before = problems.length;
  const declared = parsed.data.declared.map(({ at, strange, kind, engine, name, options, is }): Recorded => {
    const place = (at && placeOfFrame(files, at)) ?? topOf(file);
    const declaration = { name: typeof name === "string" ? name : null, at: place };
    for (const { path, what } of strange)
      problems.push(
        problemAt(notPlainData, optionPlace(files, declaration, path), `${path.join(".") || "options"} is ${what}`),
      );
    return { kind, engine, name, options, at: place, is };
  });
  return problems.length > before ? undefined : { many: parsed.data.many, declared };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
