import { expect, test } from "vitest";
import { instanceNotRunnable, meantToBeStopped } from "../../platform/compute/index.ts";
import { asNebulaError, badConfig } from "../../platform/core/index.ts";
import { ledgerUnavailable } from "../../platform/sql/index.ts";
import { enterAndOpen } from "./open.ts";
import { outward } from "./outward.ts";
import type { Entered } from "./types.ts";

const gone = () => ledgerUnavailable("the database server cannot be reached: connect ENOENT /run/x/.s.PGSQL.5432");

/** A keeper's door that notes how each who entered left. */
function door(thrown: readonly unknown[] = []) {
  const left: string[] = [];
  let entries = 0;
  const enter = async (): Promise<Entered> => {
    const refusal = thrown[entries];
    entries += 1;
    if (refusal !== undefined) throw refusal;
    let how = "unconfirmed";
    return {
      ...{ socketPath: "/run/x", wake: null, touch: () => undefined, answered: () => undefined },
      confirm() {
        how = "confirmed";
        return true;
      },
      leave: () => void left.push(how),
    };
  };
  return { enter, left, entries: () => entries };
}

test("one whose socket is gone is left in doubt and entered again, which then says that somebody paused it", async () => {
  const { enter, left } = door([undefined, meantToBeStopped("acme.shop.orders", "paused")]);
  const opening = enterAndOpen(enter, () => Promise.reject(gone()));
  await expect(opening).rejects.toMatchObject({ code: instanceNotRunnable.definition.code });
  expect(left).toEqual(["unconfirmed"]);
});

test("one that is back at the second try serves, and is confirmed when its work is over", async () => {
  const { enter, left, entries } = door();
  const { opened, leave } = await enterAndOpen(enter, async () => {
    if (entries() === 1) throw gone();
    return "session";
  });
  expect([opened, left]).toEqual(["session", ["unconfirmed"]]);
  leave();
  expect(left).toEqual(["unconfirmed", "confirmed"]);
});

test("one that is lost while it works is left in doubt, and nothing is done twice", async () => {
  const { enter, left, entries } = door();
  const { leave } = await enterAndOpen(enter, async () => "session");
  leave(gone());
  expect([left, entries()]).toEqual([["unconfirmed"], 1]);
});

test("what never answers is told so without its path, which is in the log", async () => {
  const { enter, entries } = door();
  const thrown = await enterAndOpen(enter, () => Promise.reject(gone())).catch(asNebulaError);
  expect(entries()).toBe(2);
  expect(thrown).toMatchObject({ code: "NEB776", message: expect.stringContaining("ENOENT /run/x") });
  expect(JSON.stringify(outward(asNebulaError(thrown)))).not.toContain("/run");
});

test.each([
  ["a server that has no room", ledgerUnavailable("too many clients", { cause: { code: "53300" } })],
  ["what is wrong with a login", badConfig("no key")],
])("%s is there: it is asked once, and stays believed", async (_, thrown) => {
  const { enter, left, entries } = door();
  await enterAndOpen(enter, () => Promise.reject(thrown)).catch(() => undefined);
  expect([left, entries()]).toEqual([["confirmed"], 1]);
});
