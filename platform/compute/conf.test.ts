import { expect, test } from "vitest";
import { type ConfInput, renderConf } from "./conf.ts";
import { parseConf } from "./conf-read.ts";

const input: ConfInput = {
  ...{ id: "acme.shop.orders", databaseName: "orders", socketDir: "/run/x", hbaPath: "/i/pg_hba.conf" },
  ...{ units: 1, extensions: [] },
};

test("equal wishes are equal bytes, and the fingerprint covers both files", () => {
  const { fingerprint, conf } = renderConf(input);
  expect(renderConf({ ...input })).toEqual(renderConf(input));
  expect(conf).toContain(`nebula.loaded = '${fingerprint}'`);
  expect(renderConf({ ...input, units: 2 }).fingerprint).not.toBe(fingerprint);
  expect(renderConf({ ...input, databaseName: "carts" }).fingerprint).not.toBe(fingerprint);
});

test("through the Unix socket and by SCRAM only; whoever is not the administrator to the one database", () => {
  expect(renderConf(input).hba.split("\n").slice(1)).toEqual([
    "local all nebula_admin scram-sha-256",
    "local replication nebula_admin scram-sha-256",
    'local "orders" all scram-sha-256',
    "",
  ]);
});

test("a standby follows over the socket with a role of its own, and a primary waits for whom it is told", () => {
  const follows = { name: "nebula_s1", socketDir: "/it's", passFile: "/p", room: { max_connections: 400 } };
  const standby = parseConf(renderConf({ ...input, replicas: 1, follows }).conf);
  expect(standby.primary_conninfo).toContain("host='/it\\'s' port=5432 user=nebula_standby passfile='/p'");
  expect(standby).toMatchObject({ primary_slot_name: "nebula_s1", hot_standby: "on", max_connections: "400" });
  const primary = renderConf({ ...input, replicas: 1, waitsFor: ["nebula_s1"] });
  expect(primary.conf).toContain("synchronous_standby_names = 'ANY 1 (nebula_s1)'\n");
  expect(primary.hba).toContain("local replication nebula_standby scram-sha-256\n");
});

test("values cannot break out of their quotes", () => {
  expect(renderConf({ ...input, socketDir: "/it's\\here" }).conf).toContain(
    "unix_socket_directories = '/it''s\\\\here'\n",
  );
});

test("a log is archived only where a spool is, by one shell command that no path breaks out of", () => {
  expect(renderConf(input).conf).toContain("archive_command = 'true'\n");
  const spool = "/it's 100% $(here)/spool";
  const { archive_command: command } = parseConf(renderConf({ ...input, spool }).conf);
  expect(command).toContain(`f='/it'\\''s 100%% $(here)/spool'/%f`);
});
