import type { DeclarationProblem } from "../spec/index.ts";
import { badFile, pathTwins, problemAt, topOf } from "./errors.ts";

/** What a path of the repository is. Everything outside `tenants/` is nothing to the evaluator. */
export type Placed =
  | { readonly scope: "fleet" }
  | { readonly scope: "tenant"; readonly tenant: string }
  | { readonly scope: "shared"; readonly tenant: string }
  | {
      readonly scope: "project";
      readonly tenant: string;
      readonly project: string;
      /** Directly in the project's folder: a declaration. Deeper files are code that declarations import. */
      readonly declares: boolean;
    };

/**
 * `tenants/fleet/...`, `tenants/<tenant>/tenant.ts`, code shared by a tenant's projects (`tenants/<tenant>/*.ts` and
 * `tenants/<tenant>/shared/...`), and `tenants/<tenant>/<project>/...`.
 */
export function placeOfPath(path: string): Placed | undefined {
  const [root, tenant, second, ...rest] = path.split("/");
  if (root !== "tenants" || tenant === undefined || second === undefined) return undefined;
  if (tenant === "fleet") return { scope: "fleet" };
  if (rest.length === 0) return { scope: second === "tenant.ts" ? "tenant" : "shared", tenant };
  if (second === "shared") return { scope: "shared", tenant };
  return { scope: "project", tenant, project: second, declares: rest.length === 1 };
}

/** Whether a module of `from` may import the file: its own project and what its tenant shares; the fleet only itself. */
export function mayImport(from: Placed, path: string): boolean {
  const to = placeOfPath(path);
  if (to === undefined) return false;
  if (from.scope === "fleet" || to.scope === "fleet") return from.scope === to.scope;
  if (to.tenant !== from.tenant) return false;
  if (to.scope === "project") return from.scope === "project" && from.project === to.project;
  return to.scope === "shared";
}

const code = /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs|json)$/i;
const plain = /^[A-Za-z0-9._/-]+$/;

/** Files whose names cannot be trusted: twins in case or Unicode form, links, submodules, code in another language. */
export function pathProblems(
  paths: Iterable<string>,
  modes: ReadonlyMap<string, string> = new Map(),
): DeclarationProblem[] {
  const problems: DeclarationProblem[] = [];
  const seen = new Map<string, string>();
  for (const path of paths) {
    if (!path.startsWith("tenants/")) continue;
    const folded = plain.test(path) ? path.toLowerCase() : path.normalize("NFKC").toLowerCase();
    const twin = seen.get(folded);
    if (twin !== undefined && twin !== path)
      problems.push(
        problemAt(
          pathTwins,
          topOf(path),
          `${JSON.stringify(path)} and ${JSON.stringify(twin)} differ only in case or form`,
        ),
      );
    seen.set(folded, path);
    const why = refusal(path, modes.get(path));
    if (why !== undefined) problems.push(problemAt(badFile, topOf(path), why));
  }
  return problems;
}

function refusal(path: string, mode: string | undefined): string | undefined {
  if (mode === "120000") return "a symbolic link cannot stand in tenants/";
  if (mode === "160000") return "a submodule cannot stand in tenants/";
  if (!plain.test(path) || path.split("/").some((part) => part === "" || part === "." || part === ".."))
    return code.test(path) ? `${JSON.stringify(path)} has characters that a declaration's path cannot have` : undefined;
  const declares = placeOfPath(path)?.scope === "project";
  return declares && code.test(path) && (!path.endsWith(".ts") || path.endsWith(".d.ts"))
    ? "declarations are .ts files"
    : undefined;
}
