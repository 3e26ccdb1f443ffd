import type { z } from "zod";
import { type FieldProblem, notFound, requestProblems } from "./errors.ts";
import type { AnyRoute } from "./route.ts";

type Raw = { readonly params: unknown; readonly query: unknown; readonly body: unknown };
type Parsed = { readonly query: unknown; readonly body: unknown };

/** A path whose parts cannot be names leads nowhere. @throws NEB602 */
export function parseParams(entry: AnyRoute, params: unknown): unknown {
  if (entry.params === undefined) return undefined;
  const result = entry.params.safeParse(params);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw notFound(`${issue?.path.join(".") ?? "the path"}: ${issue?.message ?? "is not a name"}`);
}

/** Query and body, all problems of both at once. @throws NEB601 */
export function parseInput(entry: AnyRoute, raw: Omit<Raw, "params">): Parsed {
  const query = entry.query?.safeParse(raw.query);
  const body = entry.body?.safeParse(raw.body ?? {});
  const problems = [
    ...(query?.success === false ? problemsOf(query.error, "query", raw.query) : []),
    ...(body?.success === false ? problemsOf(body.error, "", raw.body) : []),
    ...(entry.query === undefined ? unexpectedQuery(raw.query) : []),
    ...nulsIn(raw.query, "query"),
    ...nulsIn(raw.body, ""),
  ];
  if (problems.length > 0) throw requestProblems(problems);
  return { query: query?.data, body: body?.data };
}

function problemsOf(error: z.ZodError, prefix: string, input: unknown): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    const path = [prefix, ...issue.path.map(String)].filter((part) => part !== "");
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "is not a field here" }));
    const given = at(input, issue.path);
    if (issue.code === "invalid_format" && issue.format === "datetime" && typeof given === "string")
      return [
        { path: path.join("."), message: `${JSON.stringify(given.slice(0, 80))} is not a moment`, hint: momentHint },
      ];
    return [{ path: path.join("."), message: sentence(issue, input) }];
  });
}

const momentHint = "Write date and time as ISO 8601 has them, in UTC: 2026-11-22T08:00:00Z.";

function sentence(issue: z.core.$ZodIssue, input: unknown): string {
  if (issue.code === "invalid_type" && at(input, issue.path) === undefined) return "is required";
  return issue.message;
}

const at = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined | null)?.[key], input);

const unexpectedQuery = (query: unknown): FieldProblem[] =>
  Object.keys((query as object | undefined) ?? {}).map((key) => ({
    path: `query.${key}`,
    message: "is not a parameter here",
  }));

/** Postgres holds no NUL in a text, and nobody means one. */
function nulsIn(value: unknown, path: string): FieldProblem[] {
  if (typeof value === "string") return value.includes("\0") ? [{ path, message: "holds a NUL character" }] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...nulsIn(key, path),
    ...nulsIn(inner, path === "" ? key : `${path}.${key}`),
  ]);
}
