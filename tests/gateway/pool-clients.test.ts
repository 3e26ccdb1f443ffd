import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Certificates, openCertificates, tlsFiles } from "../../gateway/tls/index.ts";
import { systemClock } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import { certificateNames } from "./ground.ts";
import { makePoolGround, type PoolGround, refusalOf } from "./pool-ground.ts";

const isLarge = process.env.NEBULA_SCALE === "large";

test(`${isLarge ? "10,000" : "1,000"} idle clients stand, and each of them is served`, async () => {
  const count = isLarge ? 9_000 : 1_000;
  const it = await makePoolGround({ maxClients: 10_000 });
  try {
    const wanted = await it.add();
    const clients: pg.Client[] = [];
    while (clients.length < count)
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => it.connect(wanted)))));
    for (let from = 0; from < count; from += 100) {
      const answers = await Promise.all(
        clients.slice(from, from + 100).map((client) => client.query("select 1 as one")),
      );
      expect(answers.every(({ rows }) => rows[0].one === 1)).toBe(true);
    }
    expect((await it.ground.driver.measure(wanted.id))?.connections).toBeLessThanOrEqual(8);
  } finally {
    await it.clear();
  }
}, 900_000);

let it: PoolGround;
let certificates: Certificates;
let ca: string;

beforeAll(async () => {
  it = await makePoolGround();
  const { dataDir } = it.ground;
  const observe = () => undefined;
  certificates = await openCertificates({ dataDir, names: certificateNames, clock: systemClock, observe });
  ca = await readFile(tlsFiles(dataDir).ca, "utf8");
  await it.reopen({ tls: certificates.files });
});
afterAll(async () => {
  certificates?.close();
  await it?.clear();
});

/** A client that comes from another address of this machine than the loopback one. */
const from = (address: string): pg.ClientConfig => ({
  stream: (() => {
    const socket = new Socket();
    const connect = socket.connect.bind(socket) as (options: object) => Socket;
    return Object.assign(socket, {
      connect: (port: number, host: string) => connect({ port, host, localAddress: address }),
    });
  }) as unknown as NonNullable<pg.ClientConfig["stream"]>,
});

const overTls = () => ({ ssl: { ca, servername: "localhost" } });

test("TLS is verified against the platform's authority, and clear text stays possible on this machine", async () => {
  const wanted = await it.add();
  const secured = await it.connect(wanted, { host: "localhost", ...overTls() });
  const { rows } = await secured.query("select 1 as one");
  expect(rows).toEqual([{ one: 1 }]);
  await (await it.connect(wanted)).query("select 1");
  expect(await refusalOf(it.connect(wanted, { ssl: { ca, servername: "elsewhere.example" } }))).toMatch(/altnames/i);
});

test("other addresses come in by the allow-list only, and then with TLS", async () => {
  const [open, closed] = [await it.add({ allowFrom: ["127.0.0.2/32"] }), await it.add()];
  const stranger = from("127.0.0.2");
  expect(await refusalOf(it.connect(open, { ...stranger, ...overTls() }))).toBe("let in");
  expect(await refusalOf(it.connect(open, stranger))).toContain("login rejected");
  expect(await refusalOf(it.connect(closed, { ...from("127.0.0.2"), ...overTls() }))).toContain("login rejected");
  const elsewhere = { ...from("127.0.0.3"), ...overTls() };
  expect(await refusalOf(it.connect(open, elsewhere))).toContain("login rejected");
});

test("a changed allow-list counts without a restart", async () => {
  const wanted = await it.add();
  const attempt = () => refusalOf(it.connect(wanted, { ...from("127.0.0.2"), ...overTls() }));
  expect(await attempt()).toContain("login rejected");
  await it.ground.driver.ensure({ ...wanted, allowFrom: ["127.0.0.2/32"] });
  await eventually("it is let in", async () => (await attempt()) === "let in");
});
