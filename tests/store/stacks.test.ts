import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureState, readCheckpoint } from "../../platform/store/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

let ledger: TestDatabase;
beforeAll(async () => {
  ledger = await testDatabase();
});
afterAll(() => ledger?.close());

const waitingForALock = async () => {
  const { n } = await ledger.sql.one<{ n: number }>(
    `select count(*)::int as n from pg_locks
     where locktype = 'advisory' and not granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return n > 0;
};

test("the first deployments of two projects of a tenant at once make its state once", async () => {
  let second: Promise<void> | undefined;
  await ledger.sql.tx(async (first) => {
    await ensureState(first, "acme");
    second = ensureState(ledger.sql, "acme");
    second.catch(() => undefined);
    await eventually("the second waits for the first", waitingForALock);
  });
  await second;
  expect(await readCheckpoint(ledger.sql, "acme.shop")).toBeUndefined();
});
