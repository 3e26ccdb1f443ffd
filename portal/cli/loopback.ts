import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CommandFailure, exitCodes } from "./failure.ts";
import { say } from "./output.ts";

/**
 * A sign-in in the browser for a command (RFC 8252): the browser ends up at a port that the command listens on, on this machine.
 *
 * 1. What arrives there is a code that is worth nothing without the verifier, which never leaves this process.
 * 2. Only the answer with our own state is taken; anybody on this machine may knock.
 */
export type BrowserProof = { readonly code: string; readonly verifier: string };

const waitMs = 300_000;

export async function proveInBrowser(startUrl: string, purpose: "sign-in" | "link"): Promise<BrowserProof> {
  const [verifier, state] = [randomBytes(32).toString("base64url"), randomBytes(24).toString("base64url")];
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = new URL(startUrl);
  url.search = new URLSearchParams({
    ...{ loopback: `http://127.0.0.1:${port}/callback`, state, purpose },
    challenge: createHash("sha256").update(verifier).digest("base64url"),
  }).toString();
  say(`Go on in the browser:\n  ${url.href}`);
  openBrowser(url.href);
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooLate()), waitMs);
    });
    const code = await Promise.race([
      new Promise<string>((resolve, reject) => {
        server.on("request", (request, response) => {
          const answer = read(request, state);
          tell(response, answer);
          if (answer.kind === "code") resolve(answer.code);
          if (answer.kind === "refused") reject(refused(answer.error));
        });
      }),
      late,
    ]);
    return { code, verifier };
  } finally {
    clearTimeout(timer);
    server.close();
  }
}

type Answer = { kind: "code"; code: string } | { kind: "refused"; error: string } | { kind: "not-ours" };

function read(request: IncomingMessage, state: string): Answer {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  if (url.pathname !== "/callback" || url.searchParams.get("state") !== state) return { kind: "not-ours" };
  const code = url.searchParams.get("code");
  return code === null
    ? { kind: "refused", error: /^NEB\d{3}$/.exec(url.searchParams.get("error") ?? "")?.[0] ?? "NEB637" }
    : { kind: "code", code };
}

function tell(response: ServerResponse, { kind }: Answer): void {
  const text = {
    code: "Done: go back to the command.",
    refused: "Refused: the command says why.",
    "not-ours": "Nothing is here.",
  };
  response.writeHead(kind === "not-ours" ? 404 : 200, {
    "content-type": "text/plain; charset=utf-8",
    "referrer-policy": "no-referrer",
    connection: "close",
  });
  response.end(`${text[kind]}\n`);
}

const refused = (code: string) =>
  new CommandFailure("the sign-in in the browser was refused", {
    ...{ code, exitCode: exitCodes.auth },
    hint: "The provider did not answer, or its answer was not for this sign-in: try again.",
  });

const tooLate = () =>
  new CommandFailure("nobody signed in within 5 minutes", {
    exitCode: exitCodes.timeout,
    hint: "From another machine, let the port through: `ssh -L PORT:127.0.0.1:PORT`, with the port in the address above.",
  });

const openers: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  linux: ["xdg-open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** For somebody at the screen. Where nothing opens, the address was printed. */
function openBrowser(url: string): void {
  const opener = process.stderr.isTTY ? openers[process.platform] : undefined;
  if (opener === undefined) return;
  const [command, ...args] = opener;
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true });
  child.once("error", () => undefined);
  child.unref();
}
