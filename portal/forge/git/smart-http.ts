import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Express, Request, Response } from "express";
import { reportFault } from "../../../platform/core/index.ts";
import { type Service, serveGit } from "../../../platform/git/index.ts";
import type { Context } from "../context.ts";
import { authenticate } from "../http/authenticate.ts";
import { anonymous, type Caller } from "../http/caller.ts";
import { forbidden, Refusal } from "../http/refusal.ts";
import type { Repository } from "../store/repositories.ts";
import { limitBytes } from "./commands.ts";
import { receivePush } from "./receive.ts";

/**
 * git's smart HTTP protocol: `info/refs`, `git-upload-pack` (clone and fetch, protocol version 2), `git-receive-pack` (push).
 *
 * 1. Nothing of a request's path reaches a process: owner and name are looked up first.
 * 2. A repository that the caller may not see answers as one that is not there; without credentials git is asked for some.
 */
export function serveSmartHttp(app: Express, context: Context): void {
  app.get("/:owner/:repo/info/refs", (request, response) => {
    const service = new URL(request.originalUrl, "http://x").searchParams.get("service");
    return answer(context, "git GET info/refs", request, response, async () => {
      if (service !== "git-upload-pack" && service !== "git-receive-pack")
        throw forbidden("Please upgrade your git client: the dumb HTTP protocol is not served.");
      await advertise(context, service, request, response);
    });
  });
  for (const service of ["git-upload-pack", "git-receive-pack"] as const)
    app.post(`/:owner/:repo/${service}`, (request, response) =>
      answer(context, `git POST ${service}`, request, response, () => exchange(context, service, request, response)),
    );
}

async function advertise(context: Context, service: Service, request: Request, response: Response): Promise<void> {
  const { repository } = await admit(context, service, request);
  const protocol = service === "git-upload-pack" ? request.get("git-protocol") : undefined;
  startReply(response, `application/x-${service}-advertisement`);
  if (protocol !== "version=2") response.write(`${packetLine(`# service=${service}\n`)}0000`);
  await serveGit(context.repositories.dir(repository), {
    ...{ service, protocol, advertise: true, input: null, output: response },
    config: service === "git-upload-pack" ? fetchConfig : { "receive.hideRefs": "refs/pull" },
  });
}

async function exchange(context: Context, service: Service, request: Request, response: Response): Promise<void> {
  const { repository, caller } = await admit(context, service, request);
  if (request.get("content-type") !== `application/x-${service}-request`)
    throw new Refusal(415, `Expected application/x-${service}-request`);
  const limit = service === "git-upload-pack" ? 10 * 1024 * 1024 : context.limits.pushBytes + 1024 * 1024;
  const input = readBody(request, limit);
  startReply(response, `application/x-${service}-result`);
  if (service === "git-receive-pack") return receivePush(context, caller, repository, input, response);
  await serveGit(context.repositories.dir(repository), {
    ...{ service, protocol: request.get("git-protocol"), advertise: false, input, output: response },
    config: fetchConfig,
  });
}

const fetchConfig = { "uploadpack.allowFilter": "true", "uploadpack.allowAnySHA1InWant": "true" };

/** Who may read or write what the path names. */
async function admit(
  context: Context,
  service: Service,
  request: Request,
): Promise<{ repository: Repository; caller: Caller }> {
  const { owner = "", repo = "" } = request.params as Record<string, string>;
  const caller = await authenticate(context, request.get("authorization"));
  const repository = await context.repositories.find(owner, repo.replace(/\.git$/, ""));
  if (repository === undefined || !caller.sees(repository)) {
    if (caller === anonymous) throw new Refusal(401, "Authentication required.");
    throw new Refusal(404, "Repository not found.");
  }
  if (service === "git-upload-pack") caller.demand(repository, ["contents:read"]);
  else if (caller === anonymous) throw new Refusal(401, "Authentication required.");
  else if (!caller.may(repository, "contents:write")) throw forbidden("Write access to repository not granted.");
  return { repository, caller };
}

function readBody(request: Request, limit: number): Readable {
  const encoding = request.get("content-encoding") ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip")
    throw new Refusal(415, `Content encoding ${encoding} is not supported`);
  const source = encoding === "identity" ? request : request.pipe(createGunzip().on("error", () => limited.destroy()));
  const limited: Readable = source.pipe(limitBytes(limit)).on("error", () => {}); // whoever reads it hears it
  request.on("error", () => limited.destroy()).on("close", () => request.complete || limited.destroy());
  return limited;
}

function startReply(response: Response, type: string): void {
  response.status(200).set({
    "Content-Type": type,
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
    Expires: "Fri, 01 Jan 1980 00:00:00 GMT",
  });
}

export const packetLine = (text: string): string => (Buffer.byteLength(text) + 4).toString(16).padStart(4, "0") + text;

/** Runs one request to its end: refusals as text (git shows it as `remote: ...`), faults reported. */
async function answer(
  context: Context,
  route: string,
  request: Request,
  response: Response,
  body: () => Promise<void>,
): Promise<void> {
  const startedMs = context.clock.monotonicMs();
  try {
    await body();
    response.end();
  } catch (thrown) {
    const gone = response.destroyed || (request.destroyed && !request.complete);
    if (response.headersSent) response.destroy();
    else refuse(response, thrown);
    if (!(thrown instanceof Refusal) && !gone) {
      reportFault(context.observe, `forge ${route}`, thrown);
    }
  }
  context.observe({
    ...{
      kind: "http.request",
      server: "forge",
      method: request.method,
      route,
      status: response.statusCode,
      requestId: "",
    },
    durationMs: context.clock.monotonicMs() - startedMs,
  });
}

function refuse(response: Response, thrown: unknown): void {
  const refusal = thrown instanceof Refusal ? thrown : new Refusal(500, "Internal error");
  if (refusal.status === 401) response.set("WWW-Authenticate", 'Basic realm="GitHub"');
  response.status(refusal.status).type("text/plain").end(`${refusal.message}\n`);
}
