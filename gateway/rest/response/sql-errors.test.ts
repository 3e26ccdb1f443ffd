import { expect, test } from "vitest";
import { refusalOf } from "./sql-errors.ts";

test("what is nested too deeply says what the client can do, not what the server's owner could set", () => {
  const hint = 'Increase the configuration parameter "max_stack_depth" (currently 2048kB).';
  const error = {
    severity: "ERROR",
    code: "54001",
    message: "stack depth limit exceeded",
    detail: null,
    hint,
    constraint: null,
  };
  const refusal = refusalOf(error, false);
  expect([refusal.status, refusal.code]).toEqual([400, "54001"]);
  expect(refusal.hint).toMatch(/fewer levels/);
  expect(refusal.hint).not.toContain("max_stack_depth");
  expect(refusalOf({ ...error, code: "23505", hint: "Postgres's own" }, false).hint).toBe("Postgres's own");
});
