import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, guardedFetch, Secret, safeUrl } from "../../platform/core/index.ts";
import { makeGitHub } from "../../platform/github/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import { makeMirrors } from "../../reconciler/source/index.ts";
import { type TestForge, testForge } from "../harness/forge.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type Trials } from "../harness/row.ts";
import { type Caller, startPortal, type TestPortal } from "../portal/harness.ts";

/** Ways to write this machine. Whatever gets through connects to the canary, and to nothing else. */
const thisMachine = [
  ...["127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1"],
  ...[
    "127.000.000.001",
    "１２７.0.0.1",
    "127。0。0。1",
    "0.0.0.0",
    "0",
    "127.255.255.254",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
  ],
  ...["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "localhost", "LOCALHOST", "localhost."],
  ...["a.localhost", "user@127.0.0.1", "github.com@127.0.0.1"],
] as const;
/** Addresses inside some network; only ever dialled through the seam, which ends at the canary. */
const inside = [
  ...["10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "169.254.169.254", "198.18.0.1"],
  ...[
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.1",
    "fd00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.1",
  ],
  ...["::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "::127.0.0.1", "100::1"],
] as const;
const places = ["repository", "hook", "git", "webhook", "issuer", "smtp"] as const;

type World = {
  readonly canary: Canary;
  readonly admin: Caller;
  readonly forge: TestForge;
  readonly hooks: ReturnType<typeof makeGitHub>;
  readonly folder: string;
};

catalogueRow({
  suite: "attacks",
  name: "SSRF through webhooks, providers, kubeconfig (exec, tokenFile, proxy-url)",
  promise: "no connection is made to what may not be asked",
  n: { small: 110, large: 1_100 },
  run: ({ n, random, guarded }) => (guarded ? guardedTrials(n, random) : plainTrials(n, random)),
  control: { without: "the guard (plain fetch)", n: 26 },
});

async function guardedTrials(n: number, random: Random): Promise<Trials> {
  const canary = await openCanary();
  const [forge, portal] = await Promise.all([
    testForge({ hookPolicy: { inside: [] } }),
    startPortal({ git: { policy: { hosts: ["git.invalid"], inside: [] } } }),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "nebula-ssrf-"));
  try {
    const world = { canary, forge, folder, admin: await adminOf(portal), hooks: await hooksOf(forge) };
    const violations: string[] = [];
    for (let i = 0; i < n; i++) {
      const before = canary.connections();
      const { what, code } = await attack(world, i, random);
      if (canary.connections() !== before) violations.push(`${what} reached the canary`);
      // A webhook may be set up and is not delivered; everything else must say why it was refused.
      if (code !== "NEB688" && !what.startsWith("webhook")) violations.push(`${what} was answered with ${code}`);
    }
    return { trials: n, violations };
  } finally {
    await Promise.all([forge.close(), portal.close(), canary.close(), rm(folder, { recursive: true, force: true })]);
  }
}

/** Each place with each way first, then at random. */
type Attacked = { readonly what: string; readonly code: unknown };

async function attack(world: World, i: number, random: Random): Promise<Attacked> {
  const place = places[i % places.length] ?? "issuer";
  const at = Math.floor(i / places.length);
  const host = thisMachine[at % thisMachine.length] ?? random.pick(thisMachine);
  const scheme = random.pick(["http", "https"]);
  const url = `${scheme}://${host}:${world.canary.port}`;
  if (place === "issuer") return throughSeam(world.canary, random, inside[at % inside.length] ?? random.pick(inside));
  const answer = (await throughPlace(world, place, url).catch((thrown: unknown) => ({ body: thrown }))) as Answered;
  return { what: `${place} ${url}`, code: answer?.body?.code };
}

type Answered = { readonly body?: { readonly code?: unknown } } | undefined;

async function throughPlace({ admin, forge, hooks, folder }: World, place: string, url: string): Promise<unknown> {
  const repository = { owner: "acme", name: "tenants", token: "ghp_x" };
  switch (place) {
    case "repository":
      return admin.send("POST", "/api/v1/repositories", { ...repository, apiUrl: `${url}/api/v3` });
    case "hook":
      return admin.send("POST", "/api/v1/repositories", { ...repository, apiUrl: "https://git.invalid", hookUrl: url });
    case "git": {
      const mirrors = makeMirrors(folder, { inside: [] });
      const row = { id: randomUUID(), gitUrl: `${url}/acme/tenants.git`, defaultBranch: "main" } as RepositoryRow;
      return mirrors.fetchHead(row, new Secret("x")).finally(() => mirrors.close());
    }
    case "webhook": {
      const { id } = await hooks.ensureHook({ url, secret: new Secret("s"), events: ["push"] });
      await hooks.pingHook(id);
      await forge.forge.delivered();
      return hooks.deleteHook(id);
    }
    default:
      return safeUrl(url.replace("http", "smtp"), {}, ["smtp:", "smtps:"]);
  }
}

/** A name that resolves inside, at once or at the second look, or that sends on to this machine. */
async function throughSeam(canary: Canary, random: Random, address: string): Promise<Attacked> {
  const trick = random.pick(["resolves inside", "resolves to both", "rebinds", "redirects", "is written"] as const);
  const asked = { address, family: address.includes(":") ? 6 : 4 } as const;
  const publicly = { address: "140.82.121.4", family: 4 } as const;
  let looks = 0;
  const resolve = async (): Promise<readonly Address[]> => {
    looks += 1;
    if (trick === "resolves to both") return [publicly, asked];
    if (trick === "rebinds") return [looks === 1 ? publicly : asked];
    return [trick === "redirects" ? publicly : asked];
  };
  // What is public goes to a host of the test's; everything else is a way to the canary.
  const stranger = await openStranger(`http://127.0.0.1:${canary.port}/`);
  const connect = (to: Address) => dial(to.address === publicly.address ? stranger.port : canary.port, "127.0.0.1");
  const fetching = guardedFetch({}, { resolve, connect, timeoutMs: 2_000 });
  const host = trick === "is written" ? (asked.family === 6 ? `[${address}]` : address) : "issuer.example";
  const url = `https://${host}${trick === "redirects" ? "/away" : ""}/.well-known/openid-configuration`;
  let code: unknown = "an answer";
  for (let i = 0; i < 2; i++)
    code = await fetching(url).then(
      () => "an answer",
      (thrown) => (thrown as { code?: unknown }).code,
    );
  await stranger.close();
  return { what: `${url} that ${trick} (${address})`, code };
}

/** The control: the same ways without the guard. */
async function plainTrials(n: number, random: Random): Promise<Trials> {
  const canary = await openCanary();
  const violations: string[] = [];
  for (let i = 0; i < n; i++) {
    const before = canary.connections();
    const url = `http://${thisMachine[i % thisMachine.length] ?? random.pick(thisMachine)}:${canary.port}/`;
    await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (canary.connections() !== before) violations.push(`${url} reached the canary`);
  }
  await canary.close();
  return { trials: n, violations };
}

type Canary = { readonly port: number; connections(): number; close(): Promise<void> };

/** Listens on this machine by both families, and counts whoever comes. */
async function openCanary(): Promise<Canary> {
  let connections = 0;
  const server = createServer((_request, response) => response.end("canary"));
  server.on("connection", () => {
    connections += 1;
  });
  const port = await listening(server, "::");
  return { port, connections: () => connections, close: () => closed(server) };
}

async function openStranger(location: string) {
  const server = createServer((request, response) =>
    request.url?.startsWith("/away") ? response.writeHead(302, { location }).end() : response.end("{}"),
  );
  const port = await listening(server, "127.0.0.1");
  return { port, close: () => closed(server) };
}

const listening = (server: Server, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const adminOf = async (portal: TestPortal): Promise<Caller> => portal.as(await portal.tokenFor("platform-admin"));

/** Somebody who may set up webhooks on the embedded forge. */
async function hooksOf({ forge, apiUrl }: TestForge) {
  const { bootstrap } = forge;
  await bootstrap.ensureOrganisation({ login: "acme" });
  await bootstrap.ensureUser({ login: "mallory" });
  await bootstrap.ensureRepository({ owner: "acme", name: "tenants", seedFiles: new Map([["a", "a"]]) });
  const token = await bootstrap.makeToken({
    login: "mallory",
    owner: "acme",
    permissions: { repository_hooks: "write" },
  });
  return makeGitHub({ apiUrl, repository: { owner: "acme", name: "tenants" }, auth: { kind: "token", token } });
}
