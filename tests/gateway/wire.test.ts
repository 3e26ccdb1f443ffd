/** The direct endpoint, as drivers and rude clients find it: a real instance behind it, real TLS before it. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endpointName } from "../../gateway/wire/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { wish } from "../compute/ground.ts";
import { eventually } from "../harness/eventually.ts";
import { domain, type GatewayGround, makeGateway } from "./ground.ts";
import { type Login, makeLogin, withClient } from "./node-client.ts";
import {
  cancelRequest,
  errorFields,
  gssRequest,
  packet,
  query,
  rawClient,
  scramSignIn,
  sslRequest,
  startup,
  upgraded,
} from "./raw-client.ts";

let gateway: GatewayGround;
let login: (changes?: Partial<Login>) => Login;
const password = "owner's pass/word ü";
beforeAll(async () => {
  const roles = [{ name: "reader", login: true, access: "read", password: new Secret("r") }] as const;
  gateway = await makeGateway({ wanted: { roles, allowFrom: [] } });
  login = makeLogin(gateway, password);
});
afterAll(() => gateway.close());

const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => ({ code: "no error", message: "", hint: "" }),
    (thrown: { code?: string; message: string; hint?: string }) => ({
      code: thrown.code ?? "none",
      message: thrown.message,
      hint: thrown.hint ?? "",
    }),
  );
const one = (client: { query(text: string): Promise<{ rows: Record<string, unknown>[] }> }, text: string) =>
  client.query(text).then(({ rows }) => Object.values(rows[0] ?? {})[0]);

describe("a session", () => {
  it("stands with TLS verified and the channel bound, and in clear from this machine", async () => {
    const secure = login({ ssl: { ca: readFileSync(gateway.ca, "utf8") }, enableChannelBinding: true });
    expect(await withClient(secure, (client) => one(client, "select current_user::text"))).toBe("orders");
    expect(await withClient(login(), (client) => one(client, "select current_database()::text"))).toBe("orders");
  });

  it("is found by the database's name, by an endpoint option and by the server's name", async () => {
    const name = endpointName(gateway.wanted.id);
    const at = "select current_database()::text";
    const ask = (changes: Partial<Login>) => withClient(login(changes), (client) => one(client, at));
    expect(await ask({ database: gateway.wanted.id })).toBe("orders");
    expect(await ask({ database: "orders", options: `endpoint=${name}` })).toBe("orders");
    expect(await ask({ database: "orders", options: `-c endpoint=${gateway.wanted.id}` })).toBe("orders");
    // An address, so that the driver sends the name that it is given.
    const named = { host: "127.0.0.1", ssl: { ca: readFileSync(gateway.ca, "utf8"), servername: `${name}.${domain}` } };
    expect(await ask({ ...named, database: "orders" })).toBe("orders");
    expect(await ask({ ...named, database: gateway.wanted.id })).toBe("orders");
    expect(await refusalOf(ask({ database: "orders" }))).toMatchObject({ code: "3D000" });
    expect(await refusalOf(ask({ ...named, database: "other" }))).toMatchObject({ code: "3D000" });
    expect(await refusalOf(ask({ ...named, database: "acme.shop.others" }))).toMatchObject({ code: "3D000" });
  });

  it("brings its settings along", async () => {
    const settings = { application_name: "till 7", options: "-c statement_timeout=4321 --search_path=a,b" };
    await withClient(login(settings), async (client) => {
      expect(await one(client, "show application_name")).toBe("till 7");
      expect(await one(client, "show statement_timeout")).toBe("4321ms");
      expect(await one(client, "show search_path")).toBe("a,b");
    });
  });

  it("carries large rows both ways whole, prepared statements, COPY, LISTEN and errors", async () => {
    await withClient(login(), async (client) => {
      const large = "é0123456789".repeat(700_000);
      const back = await client.query({ name: "echo", text: "select $1::text as text", values: [large] });
      expect(back.rows[0].text === large).toBe(true);
      const rows = await client.query("select repeat('x', 1000) as x from generate_series(1, 20000)");
      expect(rows.rows).toHaveLength(20_000);
      const heard = new Promise<string>((resolve) =>
        client.once("notification", ({ payload }) => resolve(payload ?? "")),
      );
      await client.query("listen news");
      await withClient(login(), (other) => other.query("notify news, 'it is out'"));
      expect(await heard).toBe("it is out");
      expect(await refusalOf(client.query("select 1/0"))).toMatchObject({ code: "22012" });
      expect(await one(client, "select 1")).toBe(1);
    });
  });

  it("does not pile up what one side does not take", async () => {
    const client = await rawClient(gateway.port);
    client.send(startup({ user: "orders", database: gateway.wanted.id }));
    await scramSignIn(client, password);
    const account = () => ({ ...gateway.accounts.get(gateway.wanted.id) });
    const before = account();
    client.socket.pause();
    client.send(query("select repeat('x', 1000) from generate_series(1, 200000)"));
    const settled = async (what: "bytesIn" | "bytesOut") => {
      for (let last = -1; last !== account()[what]; await sleep(150)) last = account()[what] ?? 0;
      return (account()[what] ?? 0) - (before[what] ?? 0);
    };
    // What fits into the two sockets on the way, and no more.
    expect(await settled("bytesOut")).toBeLessThan(50_000_000);
    client.socket.resume();
    const rows = await client.until("Z");
    expect(rows.filter(({ type }) => type === "D")).toHaveLength(200_000);

    client.send(query("select pg_sleep(2)"), query(`select length('${"y".repeat(60_000_000)}')`));
    expect(await settled("bytesIn")).toBeLessThan(50_000_000);
    const answers = [...(await client.until("Z")), ...(await client.until("Z"))];
    expect(String(answers.findLast(({ type }) => type === "D")?.body.subarray(6))).toBe("60000000");
    client.close();
  });

  it("is counted in bytes, and observed", async () => {
    const before = { ...gateway.accounts.get(gateway.wanted.id) };
    await withClient(login(), (client) => client.query("select repeat('x', 100000)"));
    await eventually("it is closed", () => gateway.endpoint.sessions().open === 0);
    const after = gateway.accounts.get(gateway.wanted.id);
    expect((after?.bytesOut ?? 0) - (before.bytesOut ?? 0)).toBeGreaterThan(100_000);
    expect((after?.connections ?? 0) - (before.connections ?? 0)).toBe(1);
    const last = gateway.observations.findLast(({ kind }) => kind === "gateway.closed");
    expect(last).toMatchObject({ instance: gateway.wanted.id, endpoint: "direct" });
  });

  it("ends when its server goes, with the server's words", async () => {
    const ended = withClient(login(), async (client) => {
      const lost = new Promise<unknown>((resolve) => client.once("error", resolve));
      await client.query("select 1");
      await gateway.ground.driver.stop(gateway.wanted.id);
      return lost;
    });
    expect(await ended).toMatchObject({ code: "57P01" });
    expect(await withClient(login(), (client) => one(client, "select 2"))).toBe(2);
  });
});

describe("who may not come in", () => {
  it("is told the same for a wrong password, an unknown role, an unknown and a deleted database", async () => {
    const attempts: Partial<Login>[] = [
      { password: "wrong" },
      { user: "nobody", password },
      { database: "acme.shop.never" },
      { user: "__proto__" },
      { user: "nebula_admin" },
      { database: "orders", options: "endpoint=../../x" },
    ];
    for (const attempt of attempts) {
      const told = await refusalOf(withClient(login(attempt), (client) => client.query("select 1")));
      expect(told, JSON.stringify(attempt)).toMatchObject({ code: "28P01" });
      expect(told.message).toBe(`password authentication failed for user "${attempt.user ?? "orders"}"`);
      expect(told.hint).toContain("nebula db url");
    }
  });

  it("is told the same by a database that was there a moment ago", async () => {
    const { driver } = gateway.ground;
    const gone = await wish({ ownerPassword: new Secret(password) });
    await driver.ensure(gone);
    const at = login({ database: gone.id });
    expect(await withClient(at, (client) => one(client, "select 1"))).toBe(1);
    await driver.retire(gone.id);
    const retired = await refusalOf(withClient(at, (client) => client.query("select 1")));
    expect(retired).toMatchObject({ code: "57P03", hint: expect.stringContaining("retire: true") });
    await driver.remove(gone.id);
    const told = await refusalOf(withClient(at, (client) => client.query("select 1")));
    expect(told).toMatchObject({ code: "28P01", hint: expect.stringContaining("deleted database") });
  });

  it("is told what is not served, by name", async () => {
    const told = (changes: Partial<Login>) =>
      refusalOf(withClient(login(changes), (client) => client.query("select 1")));
    expect(await told({ replication: "database" })).toMatchObject({ code: "0A000" });
    expect(await told({ options: "-c local_preload_libraries=x" })).toMatchObject({ code: "42501" });
    expect(await told({ options: "-P" })).toMatchObject({ code: "42601" });
    expect(await told({ options: "-c no_such_setting=1" })).toMatchObject({ code: "42704" });
    expect(await told({ database: "nonsense" })).toMatchObject({
      code: "3D000",
      hint: expect.stringContaining("tenant.project"),
    });
  });

  it("is not whoever has a password that is being replaced: both open for the overlap", async () => {
    const { driver } = gateway.ground;
    const fresh = new Secret("the next one");
    const outgoing = new Map([[gateway.wanted.ownerRole, gateway.wanted.ownerPassword]]);
    await driver.ensure({ ...gateway.wanted, ownerPassword: fresh, outgoing });
    const ask = (key: string) => withClient(login({ password: key }), (client) => one(client, "select 1"));
    expect([await ask(password), await ask(fresh.reveal())]).toEqual([1, 1]);
    expect(await refusalOf(ask("neither"))).toMatchObject({ code: "28P01" });
    await driver.ensure(gateway.wanted);
    expect(await ask(password)).toBe(1);
    expect(await refusalOf(ask(fresh.reveal()))).toMatchObject({ code: "28P01" });
  });

  it("reads with a reading role and no more", async () => {
    const reader = login({ user: "reader", password: "r" });
    await withClient(reader, async (client) => {
      expect(await one(client, "select 1")).toBe(1);
      expect(await refusalOf(client.query("create table t ()"))).toMatchObject({ code: "42501" });
    });
  });
});

describe("the protocol", () => {
  const target = () => ({ user: "orders", database: gateway.wanted.id });

  it("3.2 has long cancel keys, and newer ones are told what is spoken", async () => {
    for (const [version, secretBytes, told] of [
      [0x30000, 4, undefined],
      [0x30002, 32, undefined],
      [0x3270f, 32, 0x30002],
    ] as const) {
      const client = await rawClient(gateway.port);
      client.send(startup({ ...target(), ...(told === undefined ? {} : { "_pq_.test": "on" }) }, version));
      const received = await scramSignIn(client, password);
      expect(received.at(-1)?.type).toBe("Z");
      expect(received.find(({ type }) => type === "K")?.body.length).toBe(4 + secretBytes);
      const negotiated = received.find(({ type }) => type === "v")?.body;
      expect(negotiated?.readInt32BE(0)).toBe(told);
      if (negotiated) expect(negotiated.toString("utf8", 8)).toBe("_pq_.test\0");
      client.close();
    }
  });

  it("cancels the statement that the key means, and nothing by any other key", async () => {
    const client = await rawClient(gateway.port);
    client.send(startup(target(), 0x30002));
    const keys = (await scramSignIn(client, password)).find(({ type }) => type === "K")?.body ?? Buffer.alloc(8);
    client.send(query("select pg_sleep(30)"));
    const cancel = async (secret: Buffer) => {
      const other = await rawClient(gateway.port);
      other.send(cancelRequest(keys.readInt32BE(0), secret));
      expect(await other.rest()).toHaveLength(0);
    };
    for (const wrong of [Buffer.alloc(4), Buffer.alloc(32), keys.subarray(4, 8)]) await cancel(wrong);
    const ended = client.until("Z");
    expect(await Promise.race([ended.then(() => "ended"), sleep(300, "goes on")])).toBe("goes on");
    await cancel(keys.subarray(4));
    const [error] = (await ended).filter(({ type }) => type === "E");
    expect(error && errorFields(error)).toMatchObject({ C: "57014" });
    client.close();
  });

  it("answers requests for encryption, and refuses what was sent in clear behind one", async () => {
    const client = await rawClient(gateway.port);
    client.send(gssRequest);
    expect(String(await client.bytes(1))).toBe("N");
    client.send(sslRequest);
    expect(String(await client.bytes(1))).toBe("S");
    const secured = await upgraded(client, {});
    secured.send(startup(target()));
    expect((await scramSignIn(secured, password)).at(-1)?.type).toBe("Z");
    secured.close();
    for (const request of [sslRequest, gssRequest]) {
      const rude = await rawClient(gateway.port);
      rude.send(request, startup(target()));
      const told = await rude.message();
      expect(told && errorFields(told)).toMatchObject({ C: "08P01" });
      expect(await rude.rest()).toHaveLength(0);
    }
  });

  it("begins with TLS at once when ALPN says so, and not otherwise", async () => {
    const direct = await upgraded(await rawClient(gateway.port), { alpn: "postgresql" });
    direct.send(startup(target()));
    expect((await scramSignIn(direct, password)).at(-1)?.type).toBe("Z");
    direct.close();
    const without = await upgraded(await rawClient(gateway.port), {});
    const told = await without.message();
    expect(told && errorFields(told)).toMatchObject({ C: "08P01" });
    await expect(upgraded(await rawClient(gateway.port), { alpn: "h2" })).rejects.toThrow();
  });

  it("refuses what is no start-up packet, and goes on serving", async () => {
    const rude: readonly Buffer[] = [
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.from([0, 0, 0, 4]),
      Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
      startup({ user: "x" }, 0x20000),
      startup({}),
      Buffer.concat([startup(target()), query("select 1")]),
    ];
    for (const bytes of rude) {
      const client = await rawClient(gateway.port);
      client.send(bytes);
      const told = await client.message();
      expect(told?.type, bytes.toString("hex")).toBe("E");
      expect(await client.rest()).toHaveLength(0);
    }
    const client = await rawClient(gateway.port);
    client.send(startup(target()));
    await client.until("R");
    client.send(packet("Q", Buffer.from("select 1\0")));
    const told = await client.message();
    expect(told && errorFields(told)).toMatchObject({ C: "08P01" });
    expect(await withClient(login(), (again) => one(again, "select 1"))).toBe(1);
  });
});

describe("certificates", () => {
  it("are replaced without a restart, and sessions stand through it", async () => {
    const { ensureOwnCertificate, tlsFiles } = await import("../../gateway/tls/index.ts");
    const ssl = { ca: readFileSync(gateway.ca, "utf8") };
    await withClient(login({ ssl }), async (client) => {
      const dataDir = gateway.ground.dataDir;
      const before = gateway.certificates.current();
      const names = ["localhost", "127.0.0.1", "db.example.test"];
      expect(await ensureOwnCertificate({ dataDir, names, nowMs: Date.now() })).toBe(true);
      expect(readFileSync(tlsFiles(dataDir).ca, "utf8")).toBe(ssl.ca);
      await eventually("it is read", () => gateway.certificates.current() !== before);
      expect(await one(client, "select 1")).toBe(1);
      const bound = login({ ssl, enableChannelBinding: true });
      expect(await withClient(bound, (fresh) => one(fresh, "select 2"))).toBe(2);
    });
  });
});
