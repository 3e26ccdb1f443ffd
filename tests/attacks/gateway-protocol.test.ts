import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { defaultGatewayLimits, makeCancelKeys } from "../../gateway/wire/index.ts";
import { type GatewayGround, makeGateway } from "../gateway/ground.ts";
import {
  cancelRequest,
  errorFields,
  gssRequest,
  int32,
  packet,
  query,
  type RawClient,
  rawClient,
  scramSignIn,
  sslRequest,
  startup,
} from "../gateway/raw-client.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const atOnce = 48;
const hangMs = 20_000;
const password = "owner's pass/word ü";

/**
 * Every trial is a connection of its own from somebody without a password. A session that somebody else has open, in a statement
 * that never ends, is the victim: whatever ends it was a foreign cancel.
 */
async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const most = 1_000_000_000;
  const gateway = await makeGateway({
    // What is tried here is the parser and the keys: the limits on how often would hide both.
    limits: {
      ...defaultGatewayLimits,
      perAddressPerSecond: most,
      failuresPerMinute: most,
      wrongCancelsPerMinute: most,
    },
    ...(guarded ? {} : { cancelKeys: makeCancelKeys(weakSecret) }),
  });
  const violations: string[] = [];
  try {
    const victim = await sleepingVictim(gateway);
    let left = n;
    const attack = async () => {
      while (left-- > 0) {
        const trial = makeTrial(random, gateway, victim.pid, guarded);
        const ending = await attempt(gateway.port, trial.bytes);
        if (ending !== "closed")
          violations.push(`${trial.kind}: ${ending} (${trial.bytes.toString("hex").slice(0, 200)})`);
        if (victim.woken()) {
          violations.push(`${trial.kind}: a foreign statement was cancelled`);
          if (!guarded) left = 0; // one is enough
        }
      }
    };
    await Promise.all(Array.from({ length: atOnce }, attack));
    const faults = gateway.observations.filter(({ kind }) => kind === "fault");
    violations.push(...faults.map((fault) => `a fault: ${JSON.stringify(fault)}`));
    if (guarded) violations.push(...(await stillServes(gateway, victim)));
    victim.client.close();
    return { trials: n - Math.max(0, left), violations };
  } finally {
    await gateway.close();
  }
}

type Victim = {
  readonly client: RawClient;
  readonly pid: number;
  readonly secret: Buffer;
  woken(): boolean;
  readonly ended: Promise<string>;
};

async function sleepingVictim({ port, wanted }: GatewayGround): Promise<Victim> {
  const client = await rawClient(port);
  client.send(startup({ user: wanted.ownerRole, database: wanted.id }));
  const key = (await scramSignIn(client, password)).find(({ type }) => type === "K")?.body;
  if (key === undefined) throw new Error("the victim has no session");
  client.send(query("select pg_sleep(100000)"));
  let isWoken = false;
  const ended = client.until("Z").then((messages) => {
    isWoken = true;
    const error = messages.find(({ type }) => type === "E");
    return error === undefined ? "no error" : (errorFields(error).C ?? "");
  });
  return { client, pid: key.readInt32BE(0), secret: key.subarray(4), woken: () => isWoken, ended };
}

/** After everything: the victim hears its own cancel request, and nobody else's connection is left. */
async function stillServes({ port, endpoint }: GatewayGround, victim: Victim): Promise<string[]> {
  const client = await rawClient(port);
  client.send(cancelRequest(victim.pid, victim.secret));
  await client.rest();
  const code = await Promise.race([victim.ended, new Promise((resolve) => setTimeout(resolve, hangMs, "nothing"))]);
  const { connections } = endpoint.sessions();
  return [
    ...(code === "57014" ? [] : [`the victim's own cancel request brought ${code}`]),
    ...(connections > 2 ? [`${connections} connections are left`] : []),
  ];
}

type Trial = { readonly kind: string; readonly bytes: Buffer };

function makeTrial(random: Random, { wanted }: GatewayGround, victimPid: number, guarded: boolean): Trial {
  const target = { user: random.pick(["orders", "postgres", "nebula_admin", ""]), database: wanted.id };
  const kinds: Readonly<Record<string, () => Buffer>> = {
    noise: () => random.bytes(random.int(0, 200)),
    "a damaged start-up": () =>
      damaged(random, startup({ ...target, application_name: "x".repeat(random.int(0, 50)) })),
    "a lie about a length": () => Buffer.concat([int32(random.int(-10, 20_000)), startup(target).subarray(4)]),
    "an odd version": () => startup(target, random.int(0, 0x7fff_ffff)),
    "bytes after SSLRequest": () => Buffer.concat([sslRequest, random.chance(0.5) ? startup(target) : noise(random)]),
    "bytes after GSSENCRequest": () => Buffer.concat([gssRequest, startup(target)]),
    "a damaged TLS hello": () => Buffer.concat([Buffer.from([0x16, 3, 1]), noise(random)]),
    "a guessed cancel key": () => cancelRequest(victimPid, guarded ? random.bytes(4) : weakSecret()),
    "a cancel request of any length": () => cancelRequest(random.int(0, 100_000), random.bytes(random.int(0, 300))),
    "start-up options": () => startup({ ...target, options: oddOptions(random) }),
    "parameters of any name": () => startup({ ...target, [oddText(random)]: oddText(random) }),
    "no password but messages": () => Buffer.concat([startup(target), query("select 1"), noise(random)]),
    "a damaged sign-in": () => Buffer.concat([startup(target), damaged(random, firstScram(random))]),
  };
  const kind = random.chance(0.3) ? "a guessed cancel key" : random.pick(Object.keys(kinds));
  return { kind, bytes: kinds[kind]?.() ?? Buffer.alloc(0) };
}

/** One of 256. */
const weakSecret = () => Buffer.concat([Buffer.alloc(3), randomBytes(1)]);

const noise = (random: Random) => random.bytes(random.int(1, 100));

function damaged(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = random.int(1, 6); i > 0; i--) copy[random.int(0, copy.length - 1)] = random.int(0, 255);
  return random.chance(0.3) ? copy.subarray(0, random.int(0, copy.length)) : copy;
}

function firstScram(random: Random): Buffer {
  const mechanism = random.pick(["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN", ""]);
  const first = Buffer.from(
    random.pick(["n,,n=,r=abc", "y,,n=,r=abc", "p=tls-unique,,n=,r=abc", "n,a=x,n=,r=a", ",,,", ""]),
  );
  const second = Buffer.from(random.pick(["c=biws,r=abc,p=AAAA", "c=biws,r=abc", `c=biws,r=${"a".repeat(5000)}`]));
  return Buffer.concat([
    packet("p", Buffer.from(`${mechanism}\0`), int32(random.pick([first.length, -1, 1e9])), first),
    packet("p", second),
  ]);
}

const oddOptions = (random: Random): string =>
  Array.from({ length: random.int(1, 5) }, () =>
    random.pick([
      "-c",
      "--",
      "\\",
      " ",
      "-c a=b",
      "endpoint=../../etc",
      "-c endpoint=acme.shop.x",
      "--x-y=1",
      oddText(random),
    ]),
  ).join(random.pick(["", " "]));

const oddText = (random: Random): string =>
  random.pick([
    "__proto__",
    "constructor",
    "replication",
    "_pq_.x",
    "a\nb",
    "é",
    "x".repeat(9_000),
    "%s%n",
    "a.b.c",
    "",
    "'",
  ]);

/** Sends, says that it has no more to say, and waits: "closed", or what was wrong. */
function attempt(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let said: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => done("it hangs"), hangMs);
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.end(bytes));
    socket.on("data", (chunk: Buffer) => {
      said = said.length < 100_000 ? Buffer.concat([said, chunk]) : said;
    });
    socket.on("error", () => undefined).on("close", () => done("closed"));
    function done(how: string): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(said.includes(readyForQuery) ? "a session without a password" : how);
    }
  });
}

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5]);

catalogueRow({
  suite: "attacks",
  name: "gateway protocol fuzz, bytes after SSLRequest, cancel-key guessing, start-up options",
  promise: "no crash, no hang, no session without a password and no foreign cancel",
  n: { small: 100_000, large: 3_000_000 },
  run,
  control: { without: "cancel keys of more than one random byte", n: 20_000 },
  timeoutMs: 120_000,
});
