import { createHmac, randomUUID } from "node:crypto";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { ignoreObservations, makeMetrics, makeVault, Secret } from "../../platform/core/index.ts";
import { signWebhook } from "../../platform/github/index.ts";
import { beginHookRotation, endHookRotation, putRepository, repositoryContext } from "../../platform/store/index.ts";
import { makeHosts, makeWeb } from "../../reconciler/source/index.ts";
import { testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type Trials } from "../harness/row.ts";

const replaysOf = 300;
const atOnce = 8;
const vault = makeVault(new Secret(Buffer.alloc(32, 5).toString("base64")));
const secret = new Secret("the repository's hook secret");
const othersSecret = new Secret("another repository's hook secret");

catalogueRow({
  suite: "attacks",
  name: "webhooks forged or replayed",
  promise: "no forged delivery is accepted, and a replayed one causes at most one reconcile",
  n: { small: 5_300, large: 53_000 },
  run: ({ n, random, guarded }) => (guarded ? attack(n, random, realReceiver) : attack(n, random, carelessReceiver)),
  control: { without: "the signature and the memory of deliveries", n: 600 },
});

type Sent = { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };
type Receiver = {
  readonly port: number;
  /** How often somebody was told to look. */
  hints(): number;
  rotate(): Promise<void>;
  close(): Promise<void>;
};

/** A tenth are replays of honest deliveries; the rest is made up. */
async function attack(n: number, random: Random, open: () => Promise<Receiver>): Promise<Trials> {
  const receiver = await open();
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const send = (sent: Sent) => post(receiver.port, agent, sent);
  const violations: string[] = [];
  try {
    const replays = Math.min(replaysOf, Math.floor(n / 2));
    const honest = Array.from({ length: 30 }, (_, i) => delivery(`honest-${i}`));
    for (const one of honest) {
      const status = await send(one);
      if (status !== 202) violations.push(`an honest delivery was answered with ${status}`);
    }
    const looks = async (what: string, most: number, work: () => Promise<void>) => {
      const before = receiver.hints();
      await work();
      const caused = receiver.hints() - before;
      if (caused > most) violations.push(`${what} caused ${caused} reconciles`);
    };
    if (receiver.hints() !== honest.length)
      violations.push(`${honest.length} deliveries caused ${receiver.hints()} reconciles`);
    await looks("forged deliveries", 0, () =>
      inBatches(n - replays, async (i) => {
        const { what, sent } = forge(random, i);
        const status = await send(sent);
        if (status < 400) violations.push(`forged (${what}) was answered with ${status}`);
      }),
    );
    await looks("replayed deliveries", 0, () =>
      inBatches(replays, async (i) => {
        if (i === Math.floor(replays / 2)) await receiver.rotate();
        await send(replay(random, random.pick(honest)));
      }),
    );
    await looks("a delivery of five days ago", 0, async () => {
      await send(delivery("stale", { atMs: Date.now() - 5 * 86_400_000 }));
    });
    return { trials: n, violations };
  } finally {
    agent.destroy();
    await receiver.close();
  }
}

/** A push as the forge sends it. `marker` says later what it caused. */
function delivery(marker: string, { key = secret, name = "acme/tenants", atMs = Date.now() } = {}): Sent {
  const body = Buffer.from(
    JSON.stringify({
      ...{ ref: "refs/heads/main", after: marker },
      repository: { full_name: name, pushed_at: Math.floor(atMs / 1000) },
    }),
  );
  return { body, headers: headersOf(signWebhook(key, body)) };
}

const headersOf = (signature: string): Record<string, string> => ({
  "x-github-event": "push",
  "x-github-delivery": randomUUID(),
  "x-hub-signature-256": signature,
  "content-type": "application/json",
});

/** Everything that somebody without the secret can send. */
function forge(random: Random, i: number): { readonly what: string; readonly sent: Sent } {
  const { body, headers } = delivery(`forged-${i}`, { key: new Secret(random.bytes(16).toString("hex")) });
  const good = delivery(`forged-${i}`);
  const signed = (signature: string) => ({ body, headers: { ...headers, "x-hub-signature-256": signature } });
  const hex = (algorithm: string, key: string) => createHmac(algorithm, key).update(body).digest("hex");
  const without = (name: string) => ({
    body,
    headers: Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name)),
  });
  const ways: Readonly<Record<string, () => Sent>> = {
    "another secret": () => ({ body, headers }),
    "no signature": () => without("x-hub-signature-256"),
    "an empty signature": () => signed(""),
    "an empty digest": () => signed("sha256="),
    zeros: () => signed(`sha256=${"0".repeat(64)}`),
    "an empty secret": () => signed(`sha256=${hex("sha256", "")}`),
    "sha1 in place of sha256": () => signed(`sha1=${hex("sha1", secret.reveal())}`),
    "only the old header": () => ({
      body,
      headers: { ...without("x-hub-signature-256").headers, "x-hub-signature": `sha1=${hex("sha1", secret.reveal())}` },
    }),
    "a hash without a key": () => signed(`sha256=${hex("sha256", "sha256")}`),
    "a signature cut short": () => signed(String(good.headers["x-hub-signature-256"]).slice(0, -random.int(1, 60))),
    "a signature with more behind it": () => signed(`${String(good.headers["x-hub-signature-256"])}00`),
    "upper-case hex": () => signed(String(good.headers["x-hub-signature-256"]).toUpperCase()),
    "one digit wrong": () => signed(oneWrong(random, String(good.headers["x-hub-signature-256"]))),
    "the signature of another body": () => signed(String(delivery("other").headers["x-hub-signature-256"])),
    "one byte of the body changed": () => ({ ...good, body: changed(random, good.body) }),
    "a byte more in the body": () => ({ ...good, body: Buffer.concat([good.body, Buffer.from(" ")]) }),
    "another repository's secret": () => delivery(`forged-${i}`, { key: othersSecret }),
    "a repository that is not ours": () => delivery(`forged-${i}`, { name: "acme/unknown" }),
    "no delivery id": () => ({ ...good, headers: { ...good.headers, "x-github-delivery": "" } }),
    "a delivery id that is none": () => ({
      ...good,
      headers: { ...good.headers, "x-github-delivery": "a'; drop table deliveries; --" },
    }),
    "no JSON": () => ({ body: Buffer.from("{"), headers: headersOf(signWebhook(secret, Buffer.from("{"))) }),
    "a form": () => form(good),
    "two repositories": () => twice(body, headers),
    noise: () => ({ body: random.bytes(random.int(0, 200)), headers }),
  };
  const names = Object.keys(ways);
  const what = names[i % names.length] ?? "noise";
  return { what, sent: ways[what]?.() ?? good };
}

const oneWrong = (random: Random, signature: string): string => {
  const at = random.int(7, signature.length - 1);
  return `${signature.slice(0, at)}${signature[at] === "0" ? "1" : "0"}${signature.slice(at + 1)}`;
};

function changed(random: Random, body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const at = random.int(0, copy.length - 1);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.int(0, 6));
  return copy;
}

const form = ({ body, headers }: Sent): Sent => ({
  body: Buffer.from(new URLSearchParams({ payload: body.toString() }).toString()),
  headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
});

/** Signed under the attacker's own repository, and naming ours as well. */
function twice(body: Buffer, headers: Sent["headers"]): Sent {
  const text = body.toString().replace('"repository"', '"repository":{"full_name":"elsewhere/tenants"},"repository"');
  return {
    body: Buffer.from(text),
    headers: { ...headers, "x-hub-signature-256": signWebhook(othersSecret, Buffer.from(text)) },
  };
}

/** What was signed once, again: as it was, or under another id. */
const replay = (random: Random, { body, headers }: Sent): Sent =>
  random.chance(0.5) ? { body, headers } : { body, headers: { ...headers, "x-github-delivery": randomUUID() } };

async function realReceiver(): Promise<Receiver> {
  const ledger = await testDatabase();
  const { sql } = ledger;
  const add = (id: string, owner: string, key: Secret) =>
    putRepository(sql, {
      ...{
        id,
        owner,
        name: "tenants",
        defaultBranch: "main",
        apiUrl: "https://git.invalid",
        gitUrl: "https://git.invalid/x.git",
      },
      ...{ appId: null, appKeySealed: null, installationId: null, botTokenSealed: null },
      hookSecretSealed: vault.seal(key, repositoryContext(id, "hook-secret")),
    });
  await add("repo_1", "acme", secret);
  await add("repo_2", "elsewhere", othersSecret);
  let hints = 0;
  const web = makeWeb({
    ...{ sql, hosts: makeHosts(vault), version: "0", observe: ignoreObservations },
    metrics: makeMetrics("test"),
    hint: (_repository, { kind }) => {
      if (kind !== "nothing") hints += 1;
    },
  });
  const port = await web.listen(0);
  return {
    ...{ port, hints: () => hints },
    async rotate() {
      const sealed = vault.seal(new Secret("a newer secret"), repositoryContext("repo_1", "hook-secret"));
      await beginHookRotation(sql, "repo_1", sealed);
      await endHookRotation(sql, "repo_1", 3600);
    },
    async close() {
      await web.close();
      await ledger.close();
    },
  };
}

/** Believes what it can read. */
async function carelessReceiver(): Promise<Receiver> {
  let hints = 0;
  const server = createServer(async (incoming, response) => {
    const body = await buffer(incoming);
    try {
      if ((JSON.parse(body.toString()) as { ref?: unknown }).ref === "refs/heads/main") hints += 1;
      response.writeHead(202).end();
    } catch {
      response.writeHead(400).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hints: () => hints,
    rotate: async () => undefined,
    close: () => new Promise((resolve) => void server.close(() => resolve()).closeAllConnections()),
  };
}

async function inBatches(n: number, work: (i: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < n; at += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, n - at) }, (_, i) => work(at + i)));
}

/** Answers the status. A refusal may come before the body was sent: then the connection ends, which is an answer too. */
function post(port: number, agent: Agent, { headers, body }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        agent,
        method: "POST",
        path: "/hooks/github",
        headers: { ...headers, "content-length": body.length },
      },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
