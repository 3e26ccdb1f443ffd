/** How a gate is read: from its file, as often as it changes and no oftener than once in a turn of the event loop. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { DatabaseId } from "../spec/index.ts";
import { readGate } from "./gate.ts";
import { layoutOf, placeOf } from "./paths.ts";

const dataDir = mkdtempSync(join(tmpdir(), "nebula-gate-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const id = "acme.shop.orders" as DatabaseId;
const file = placeOf(layoutOf(dataDir), id).gate;
const unitsRead = async (of = id) => (await readGate(dataDir, of))?.units;

function put(units: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify({ format: 1, id, units }));
  renameSync(`${file}.new`, file);
}

test("a file that was replaced is in force with the next turn, one that is gone lets nobody in", async () => {
  expect(await unitsRead()).toBeUndefined();
  put(1);
  expect(await unitsRead()).toBe(1);
  expect(await unitsRead()).toBe(1);
  put(2);
  await nextTurn();
  expect(await unitsRead()).toBe(2);
  rmSync(file);
  await nextTurn();
  expect(await unitsRead()).toBeUndefined();
  put(3);
  expect(await unitsRead()).toBe(3);
});

test("who asks in one turn gets one gate, and nobody another database's", async () => {
  await nextTurn();
  put(4);
  await unitsRead();
  const [one, two, other] = await Promise.all([
    readGate(dataDir, id),
    readGate(dataDir, id),
    readGate(dataDir, "acme.shop.others" as DatabaseId),
  ]);
  expect(one?.units).toBe(4);
  expect(two).toBe(one);
  expect(other).toBeUndefined();
});
