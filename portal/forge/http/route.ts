import type { z } from "zod";
import type { Git } from "../../../platform/git/index.ts";
import type { Context } from "../context.ts";
import type { Repository } from "../store/repositories.ts";
import type { Caller, Need } from "./caller.ts";
import type { RateLimit } from "./rate-limit.ts";
import { type FieldProblem, notFound, Refusal } from "./refusal.ts";

/** One request as a handler sees it. */
export type Call = {
  readonly context: Context;
  readonly caller: Caller;
  /** Decoded; a wildcard's segments are joined by `/`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** The wanted media type behind `application/vnd.github.`: "raw", "object", "diff"; "json" otherwise. */
  readonly media: string;
  /** The token itself, for the request that revokes it. */
  readonly credential: string;
  readonly rateLimit: RateLimit;
};
export type RepositoryCall = Call & { readonly repository: Repository; readonly git: Git };

export type Answer = {
  /** Default 200; 204 when there is no body. */
  readonly status?: number;
  /** JSON, or bytes with a content type in `headers`. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the Link header. */
  readonly page?: PageEnd;
};
export type PageEnd = { readonly hasNext: boolean; readonly last?: number | undefined; readonly nextCursor?: string };

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Route = {
  readonly method: Method;
  readonly path: string;
  readonly handle: (call: Call) => Promise<Answer>;
};

export const route = (method: Method, path: string, handle: Route["handle"]): Route => ({ method, path, handle });

/**
 * A route below `/repos/{owner}/{repo}`. Its repository is loaded and one of `needs` is checked before the handler runs; a
 * repository that the caller may not see does not exist.
 */
export function repositoryRoute(
  method: Method,
  path: string,
  needs: readonly Need[],
  handle: (call: RepositoryCall) => Promise<Answer>,
): Route {
  return route(method, `/repos/:owner/:repo${path}`, async (call) => {
    const { owner = "", repo = "" } = call.params;
    const repository = await call.context.repositories.find(owner, repo);
    if (repository === undefined) throw notFound();
    call.caller.demand(repository, needs);
    return handle({ ...call, repository, git: call.context.repositories.git(repository) });
  });
}

/** The body as a schema says, or 422 with a sentence a field, as the rules of branches have it. */
export function parseBodySimply<T>(call: Call, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(call.body ?? {});
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`);
  throw new Refusal(422, "Invalid request.", errors);
}

/** The body as a schema says, or 422 with a problem a field. */
export function parseBody<T>(call: Call, resource: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(call.body ?? {});
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue): FieldProblem => {
    const absent = issue.code === "invalid_type" && /received undefined/.test(issue.message);
    return {
      resource,
      field: issue.path.join(".") || "body",
      code: absent ? "missing_field" : "invalid",
      message: issue.message,
    };
  });
  throw new Refusal(422, "Validation Failed", errors);
}

/** A number in the path; anything else is not found. */
export function idParam(call: Call, name: string): number {
  const text = call.params[name] ?? "";
  if (!/^[0-9]{1,15}$/.test(text)) throw notFound();
  return Number(text);
}

export function param(call: Call, name: string): string {
  const text = call.params[name];
  if (text === undefined || text === "") throw notFound();
  return text;
}
