import { describe, expect, expectTypeOf, test } from "vitest";
import {
  branchOptions,
  bucketOptions,
  engineDefaults,
  engines,
  knownOptions,
  namedSizes,
  optionSchemas,
  versions,
} from "../spec/index.ts";
import {
  Branch,
  type BranchOptions,
  type BucketOptions,
  Elasticsearch,
  type ElasticsearchVersion,
  type MariaDBVersion,
  type MongoDBVersion,
  type MySQLVersion,
  Postgres,
  type PostgresOptions,
  type PostgresVersion,
  project,
  Redis,
  type RedisVersion,
  type SizeName,
  secret,
  tenant,
} from "./index.ts";

const here = import.meta.url;

describe("the vocabulary records and does nothing else", () => {
  test("what a database is, and where it stands", () => {
    const orders = new Postgres("orders", { version: "18", password: secret("orders-password") });
    expect({ ...orders }).toEqual({
      kind: "database",
      engine: "postgres",
      name: "orders",
      options: { version: "18", password: { kind: "secret", name: "orders-password" } },
      at: { file: expect.stringContaining("declare.test.ts"), line: expect.any(Number), column: expect.any(Number) },
    });
    expect(here).toContain("declare.test.ts");
  });

  test("what a branch is: its parent by name, whether it was imported or written", () => {
    const orders = new Postgres("orders", { version: "18" });
    for (const of of [orders, "orders"]) {
      const branch = new Branch("feature-x", { of, at: "2026-11-20T10:00:00Z", ttl: "7d" });
      expect({ ...branch }).toEqual({
        kind: "branch",
        name: "feature-x",
        options: { of: "orders", at: "2026-11-20T10:00:00Z", ttl: "7d" },
        at: { file: expect.stringContaining("declare.test.ts"), line: expect.any(Number), column: expect.any(Number) },
      });
    }
  });

  test("the place is the caller's, also through a function of the tenant's", () => {
    const branch = new Branch("b", { of: "orders" });
    const places = [project(), tenant({ displayName: "Acme" }), new Redis("cache", { version: "8.0" }), branch].map(
      ({ at }) => at,
    );
    expect(places.every((at) => at?.file.includes("declare.test.ts"))).toBe(true);
  });
});

describe("the vocabulary and the schemas say the same", () => {
  /** A value of each literal type, all of them: adding one in one place only does not compile or does not pass. */
  const all = <T extends string>(values: Record<T, true>): string[] => Object.keys(values).sort();

  test("about versions", () => {
    const typed = {
      postgres: all<PostgresVersion>({ "15": true, "16": true, "17": true, "18": true }),
      mysql: all<MySQLVersion>({ "8.0": true, "8.4": true, "9.1": true }),
      mariadb: all<MariaDBVersion>({ "10.11": true, "11.4": true, "11.8": true }),
      mongodb: all<MongoDBVersion>({ "6.0": true, "7.0": true, "8.0": true }),
      redis: all<RedisVersion>({ "7.2": true, "7.4": true, "8.0": true }),
      elasticsearch: all<ElasticsearchVersion>({ "8.17": true, "8.19": true, "9.1": true }),
    };
    for (const engine of engines) expect(typed[engine]).toEqual([...versions[engine]].sort());
  });

  test("about sizes", () => {
    const typed = all<SizeName>({
      "db.t3.nano": true,
      "db.t3.micro": true,
      "db.t3.small": true,
      "db.t3.medium": true,
      "db.t3.large": true,
      "db.t3.xlarge": true,
      "db.t3.2xlarge": true,
      "db.m5.large": true,
      "db.m5.xlarge": true,
      "db.m5.2xlarge": true,
      "db.m5.4xlarge": true,
    });
    expect(typed).toEqual(namedSizes.map(({ name }) => name).sort());
  });

  test("about the options of Postgres", () => {
    const typed = all<keyof PostgresOptions>({
      version: true,
      size: true,
      compute: true,
      storage: true,
      instances: true,
      replicas: true,
      synchronous: true,
      backups: true,
      roles: true,
      extensions: true,
      allowFrom: true,
      tags: true,
      password: true,
      retire: true,
      connections: true,
      api: true,
    });
    expect(typed).toEqual([...knownOptions("postgres", [])].sort());
  });

  test("about the options of a branch", () => {
    const typed = all<keyof BranchOptions>({
      of: true,
      at: true,
      ttl: true,
      size: true,
      compute: true,
      connections: true,
      backups: true,
      allowFrom: true,
      tags: true,
    });
    expect(typed).toEqual(Object.keys(branchOptions.shape).sort());
  });

  test("about the options of a bucket", () => {
    const typed = all<keyof BucketOptions>({
      ...{ of: true, public: true, maxObject: true, storage: true, cors: true, website: true, retire: true },
    });
    expect(typed).toEqual(Object.keys(bucketOptions.shape).sort());
  });

  test("and every engine's defaults are options of it", () => {
    for (const engine of engines)
      for (const [option, value] of Object.entries(engineDefaults[engine])) {
        const parsed = optionSchemas[engine].safeParse({ version: versions[engine][0], [option]: value });
        expect([engine, option, parsed.success]).toEqual([engine, option, true]);
      }
  });
});

describe("what is wrong is a type error in the editor already", () => {
  test("versions, units, unknown options, sizes beside units", () => {
    // @ts-expect-error there is no such version
    new Postgres("x", { version: "12" });
    // @ts-expect-error the version is never guessed
    new Postgres("x", {});
    // @ts-expect-error a size has a unit
    new Postgres("x", { version: "18", storage: 10 });
    // @ts-expect-error GB is no unit
    new Postgres("x", { version: "18", storage: "10GB" });
    // @ts-expect-error a month is no unit
    new Postgres("x", { version: "18", backups: { retention: "1mo" } });
    // @ts-expect-error misspelt
    new Postgres("x", { version: "18", storag: "10Gi" });
    // @ts-expect-error both say how large it is
    new Postgres("x", { version: "18", size: "db.t3.small", compute: { max: 2 } });
    // @ts-expect-error a password never stands in Git
    new Postgres("x", { version: "18", password: "hunter2" });
    // @ts-expect-error Redis has no extensions
    new Redis("x", { version: "8.0", extensions: [] });
    // @ts-expect-error nor Elasticsearch point-in-time restore
    new Elasticsearch("x", { version: "9.1", backups: { pitr: true } });
    // @ts-expect-error an address block has a prefix
    new Postgres("x", { version: "18", allowFrom: ["10.0.0.1"] });
    // @ts-expect-error a branch is of something
    new Branch("x", { ttl: "7d" });
    // @ts-expect-error only Postgres has branches
    new Branch("x", { of: new Redis("cache", { version: "8.0" }) });
    // @ts-expect-error a week is no unit
    new Branch("x", { of: "orders", ttl: "1w" });
    // @ts-expect-error tomorrow is no moment
    new Branch("x", { of: "orders", at: "tomorrow" });
    // @ts-expect-error a time-out has a unit
    new Postgres("x", { version: "18", connections: { idleTimeout: 30 } });
    // @ts-expect-error tokens are verified by one thing
    new Postgres("x", { version: "18", api: { jwt: [{ jwks: "https://a.example", publicKey: "" }] } });
    // @ts-expect-error none is no algorithm
    new Postgres("x", { version: "18", api: { jwt: [{ jwks: "https://a.example", algorithms: ["none"] }] } });
    // @ts-expect-error a secret never stands in Git
    new Postgres("x", { version: "18", api: { jwt: [{ secret: "hunter2" }] } });
    // @ts-expect-error there is no such role
    tenant({ displayName: "x", members: [{ user: "a", role: "owner" }] });
  });

  test("and what is right is not, with as const, undefined and parts of options", () => {
    const backups = { retention: "30d", pitr: true } as const;
    const roles = [{ name: "reader", access: "read" }] as const;
    const options = { version: "18", backups, roles, replicas: undefined } as const satisfies PostgresOptions;
    expectTypeOf(options).toExtend<PostgresOptions>();
    new Postgres("x", options);
    new Postgres("x", { version: "18", size: "db.t3.small", compute: { suspendAfter: "never" } });
    new Postgres("x", { version: "18", allowFrom: ["10.0.0.0/8", "2001:db8::/32"], tags: { team: "a" } });
  });
});
