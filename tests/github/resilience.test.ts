import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Clock, type Observation, Secret } from "../../platform/core/index.ts";
import { type GitHubAuth, githubPaused, isFault, makeGates } from "../../platform/github/index.ts";
import { type Answer, host, type Seen } from "./stranger.ts";

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "ok",
    (thrown) => (thrown as { code?: unknown }).code,
  );
const branch = { status: 200, body: { object: { sha: "a".repeat(40) } } };

/** A clock that a test moves; sleeping moves it too. */
function hands(): Clock & { pass(ms: number): void; readonly slept: number[] } {
  let nowMs = 1_800_000_000_000;
  const slept: number[] = [];
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return {
    ...{ now: () => nowMs, monotonicMs: () => nowMs, pass, slept },
    sleep: async (ms) => {
      slept.push(ms);
      pass(ms);
    },
  };
}

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = new Secret(privateKey.export({ type: "pkcs1", format: "pem" }).toString());
const auth: GitHubAuth = { kind: "app", appId: 1, privateKey: pem, installationId: 2 };

describe("an installation's token", () => {
  /** Mints numbered tokens of `seconds`; takes the newest `good` only. */
  async function minting({
    seconds = 3600,
    good = () => true,
  }: {
    seconds?: number;
    good?: (minted: number) => boolean;
  }) {
    let minted = 0;
    const clock = hands();
    const dated = (answer: Answer): Answer => ({ ...answer, headers: { date: new Date(clock.now()).toUTCString() } });
    const found = await host(({ path }): Answer => {
      if (!path.endsWith("/access_tokens"))
        return dated(good(minted) ? branch : { status: 401, body: { message: "Bad credentials" } });
      minted += 1;
      const expires_at = new Date(clock.now() + seconds * 1000).toISOString();
      return dated({ status: 201, body: { token: `ghs_${minted}`, expires_at, permissions: {} } });
    });
    return { clock, seen: found.seen, github: found.connect(auth, 2_000, { clock }), minted: () => minted };
  }

  test("is renewed before it ends", async () => {
    const { clock, github, minted } = await minting({});
    await github.getBranch("main");
    clock.pass(54 * 60_000);
    await github.getBranch("main");
    expect(minted()).toBe(1);
    clock.pass(2 * 60_000);
    await Promise.all([github.getBranch("main"), github.getBranch("main")]);
    expect(minted()).toBe(2);
  });

  test("is renewed once when the host refuses it, and no more", async () => {
    const { github, minted } = await minting({ good: (n) => n === 2 });
    expect(await codeOf(github.getBranch("main"))).toBe("ok");
    expect(minted()).toBe(2);
    const never = await minting({ good: () => false });
    expect(await codeOf(never.github.getBranch("main"))).toBe("NEB681");
    expect(never.minted()).toBe(2);
  });

  test("goes to its own host only, whatever a link says", async () => {
    const other = await host(() => ({ status: 200, body: [] }));
    const { connect } = await host(({ path }) =>
      path.includes("/installations/")
        ? { status: 201, body: { token: "ghs_1", expires_at: "2099-01-01T00:00:00Z", permissions: {} } }
        : { status: 200, body: [], headers: { link: `<${other.url}/repos/acme/tenants/pulls?page=2>; rel="next"` } },
    );
    await connect(auth).listPulls({ limit: 200 });
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([""]);
  });

  test("is asked for in the host's time, when ours is wrong", async () => {
    const clock = hands();
    const skewMs = 3_600_000;
    const claims: { iat: number; exp: number }[] = [];
    const { connect } = await host(({ path, authorization }) => {
      const date = { date: new Date(clock.now() + skewMs).toUTCString() };
      if (!path.endsWith("/access_tokens")) return { ...branch, headers: date };
      const claim = JSON.parse(Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString());
      claims.push(claim);
      const hostNow = (clock.now() + skewMs) / 1000;
      if (claim.exp < hostNow) return { status: 401, body: { message: "expired" }, headers: date };
      return { status: 201, body: { token: "t", expires_at: "2099-01-01T00:00:00Z", permissions: {} }, headers: date };
    });
    const github = connect(auth, 2_000, { clock });
    expect(await codeOf(github.getBranch("main"))).toBe("ok");
    expect(claims).toHaveLength(2);
    expect(await github.skewMs()).toBeGreaterThan(3_590_000);
  });
});

describe("a limit", () => {
  const limited = (after: string): Answer => ({
    ...{ status: 403, body: { message: "You have exceeded a secondary rate limit" } },
    headers: { "retry-after": after },
  });
  test("that is short is waited for, of what changes something too: it was not done", async () => {
    const clock = hands();
    const { connect, seen } = await host((_, count) =>
      count < 3 ? limited("7") : { status: 201, body: { id: 1, context: "c" } },
    );
    const github = connect(undefined, 2_000, { clock });
    await github.createStatus("a".repeat(40), { context: "c", state: "success", description: "d" });
    expect(clock.slept).toEqual([7_000, 7_000]);
    expect(seen).toHaveLength(3);
  });
  test("that is long is left to the next pass, with its time", async () => {
    const clock = hands();
    const { connect, seen } = await host(() => limited("61"));
    await expect(connect(undefined, 2_000, { clock }).getBranch("main")).rejects.toMatchObject({
      ...{ code: "NEB686", fields: { retryAfterSeconds: 61 } },
    });
    expect([clock.slept, seen.length]).toEqual([[], 1]);
  });
});

describe("what is asked again", () => {
  test("is asked whether it changed, and costs no body when it did not", async () => {
    let version = 1;
    const { connect, seen } = await host((_seen, _count, headers) =>
      headers["if-none-match"] === `"v${version}"`
        ? { status: 304, headers: { etag: `"v${version}"` } }
        : { status: 200, body: { object: { sha: `v${version}` } }, headers: { etag: `"v${version}"` } },
    );
    const github = connect();
    expect([await github.getBranch("main"), await github.getBranch("main")]).toEqual(["v1", "v1"]);
    version = 2;
    expect(await github.getBranch("main")).toBe("v2");
    expect(seen.map(({ status }) => status)).toEqual([200, 304, 200]);
  });
  test("is never answered from another credential's memory", async () => {
    const { connect, seen } = await host(() => ({ ...branch, headers: { etag: '"e"' } }));
    const one = { kind: "token", token: new Secret("one") } as const;
    const two = { kind: "token", token: new Secret("two") } as const;
    for (const credential of [one, two]) await connect(credential).getBranch("main");
    expect(seen.every(({ status }) => status === 200)).toBe(true);
  });
});

describe("a host that is gone", () => {
  async function failing(answer: (seen: Seen) => Answer | "hang up") {
    const clock = hands();
    const observed: Observation[] = [];
    const found = await host(answer);
    const gate = makeGates({ clock, observe: (one) => void observed.push(one) })(found.url);
    return { ...found, clock, observed, gate, github: found.connect(undefined, 2_000, { clock, gate }) };
  }

  test("is paused for everybody after five failures, then tried by one at a time", { timeout: 60_000 }, async () => {
    let well = false;
    const { github, gate, seen, clock, observed, connect } = await failing(() => (well ? branch : { status: 503 }));
    expect(await codeOf(github.getBranch("main"))).toBe("NEB680");
    expect(gate.health().state).toBe("failing");
    await codeOf(github.getBranch("main"));
    expect(gate.health()).toMatchObject({ state: "paused", reason: "it answers 503" });
    const asked = seen.length;
    const another = connect(undefined, 2_000, { clock, gate });
    const refused = await another.getBranch("main").catch((thrown: unknown) => thrown);
    expect(isFault(refused, githubPaused)).toBe(true);
    expect(refused).toMatchObject({ retry: true, fields: { retryAfterSeconds: 5 } });
    expect(seen).toHaveLength(asked);
    well = true;
    clock.pass(5_000);
    const answers = await Promise.all([codeOf(github.getBranch("main")), codeOf(another.getBranch("main"))]);
    expect(answers.sort()).toEqual(["NEB689", "ok"]);
    expect(gate.health()).toMatchObject({ state: "ok", reason: "" });
    expect(observed).toMatchObject([
      { kind: "githost.changed", state: "paused" },
      { kind: "githost.changed", state: "ok" },
    ]);
  });

  test("is not paused for what it refuses", async () => {
    const { github, gate } = await failing(() => ({ status: 422, body: { message: "no" } }));
    for (let i = 0; i < 8; i++) await codeOf(github.getCommit("a"));
    expect(gate.health().state).toBe("ok");
  });
});
