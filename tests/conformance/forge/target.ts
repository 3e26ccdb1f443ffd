import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/rest";
import type { Secret } from "../../../platform/core/index.ts";
import type { Judge } from "./openapi.ts";

/** A Git host under test: where it is, and who may do what there. The embedded one, or a real GitHub. */
export type ForgeTarget = {
  readonly name: string;
  /** `https://api.github.com`, or `https://host/api/v3`. */
  readonly apiUrl: string;
  /** `https://host`, before `/<owner>/<repository>.git`. */
  readonly gitUrl: string;
  /** An organisation that the App is installed on. */
  readonly owner: string;
  readonly tokens: {
    /** May do everything in the owner's repositories, and make them. */
    readonly admin: Secret;
    /** A second person, who writes and reviews. */
    readonly reviewer: Secret;
    /** Reads contents and pull requests, writes nothing. */
    readonly reader: Secret;
    /** Somebody without any right in the owner's private repositories. */
    readonly stranger: Secret;
  };
  readonly app: { readonly id: number; readonly privateKey: Secret; readonly installationId: number };
  /** Tests that cannot run against it: name and reason. */
  readonly cannot: Readonly<Record<string, string>>;
};

/** What the suite works with: clients whose every answer is judged. */
export type Bench = {
  /** A judged client with another credential. */
  withToken(token: string): Octokit;

  readonly target: ForgeTarget;
  readonly judge: Judge;
  readonly as: Readonly<
    Record<"admin" | "reviewer" | "reader" | "stranger" | "app" | "installation" | "nobody", Octokit>
  >;
  /** Operations that were judged, as `GET /repos/{owner}/{repo}`. */
  readonly judged: ReadonlySet<string>;
  /** Everything that an answer got wrong. */
  readonly findings: readonly string[];
};

export function openBench(target: ForgeTarget, judge: Judge): Bench {
  const judged = new Set<string>();
  const findings: string[] = [];
  const look = (client: Octokit): Octokit => {
    const record = (method: string, address: string, status: number, body: unknown) => {
      const path = new URL(address, target.apiUrl).pathname.replace(new URL(target.apiUrl).pathname, "");
      const url = address.startsWith("/") ? address : (judge.templateOf(method, path) ?? path);
      const operation = `${method} ${url}`;
      judged.add(operation.replaceAll(/\{[^}]+\}/g, "{}"));
      for (const problem of judge.judge(method, url, status, body)) findings.push(`${operation} ${status}: ${problem}`);
    };
    client.hook.after("request", (response, { method, url, mediaType }) => {
      const isJson = mediaType?.format === undefined || mediaType.format === "json" || mediaType.format === "";
      if (isJson) record(method, url, response.status, response.data);
    });
    client.hook.error("request", (thrown, { method, url }) => {
      const { response } = thrown as { response?: { status: number; data: unknown } };
      if (response !== undefined) record(method, url, response.status, response.data);
      throw thrown;
    });
    return client;
  };
  const base = { baseUrl: target.apiUrl, log: { debug() {}, info() {}, warn() {}, error() {} } };
  const withToken = (auth: string) => look(new Octokit({ ...base, auth }));
  const { id: appId, privateKey, installationId } = target.app;
  const auth = { appId, privateKey: privateKey.reveal() };
  return {
    target,
    judge,
    withToken,
    judged,
    findings,
    as: {
      admin: withToken(target.tokens.admin.reveal()),
      reviewer: withToken(target.tokens.reviewer.reveal()),
      reader: withToken(target.tokens.reader.reveal()),
      stranger: withToken(target.tokens.stranger.reveal()),
      nobody: look(new Octokit(base)),
      app: look(new Octokit({ ...base, authStrategy: createAppAuth, auth })),
      installation: look(new Octokit({ ...base, authStrategy: createAppAuth, auth: { ...auth, installationId } })),
    },
  };
}

/** The status and message of an answer that is expected to be an error. */
export async function refusal(
  request: Promise<unknown>,
): Promise<{ status: number; message: string; errors: unknown }> {
  try {
    await request;
  } catch (thrown) {
    const { status, response } = thrown as {
      status: number;
      response?: { data: { message: string; errors?: unknown } };
    };
    if (response === undefined) throw thrown;
    return { status, message: response.data.message, errors: response.data.errors };
  }
  throw new Error("expected the host to refuse");
}
