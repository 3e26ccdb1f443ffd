import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { type GitHub, type GitHubAuth, type GitHubOptions, makeGitHub } from "../../platform/github/index.ts";

export type Answer = { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> };
export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
  /** What was answered; 0: nothing. */
  status: number;
};

/** github.com cannot run here: this stranger answers on the wire what a test tells it to, and writes down what it saw. */
export async function host(
  answer: (seen: Seen, count: number, headers: IncomingMessage["headers"]) => Answer | "hang up",
) {
  const seen: Seen[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const one = {
      method: request.method ?? "",
      path: request.url ?? "",
      authorization: request.headers.authorization ?? "",
      body,
      status: 0,
    };
    seen.push(one);
    const said = answer(one, seen.length, request.headers);
    if (said === "hang up") return void response.destroy();
    one.status = said.status;
    response.writeHead(said.status, { "content-type": "application/json", ...said.headers });
    response.end(said.body === undefined ? undefined : JSON.stringify(said.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`;
  const connect = (
    auth: GitHubAuth = { kind: "token", token: new Secret("t0ken") },
    timeoutMs = 2_000,
    more: Partial<GitHubOptions> = {},
  ): GitHub => makeGitHub({ apiUrl, repository: { owner: "acme", name: "tenants" }, auth, timeoutMs, ...more });
  return { seen, connect, url: apiUrl };
}
