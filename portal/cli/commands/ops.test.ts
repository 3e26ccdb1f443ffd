import { expect, test } from "vitest";
import { waitingText } from "./ops.ts";

test("who follows an open pull request is told what it waits for", () => {
  const open = { number: 7, autoMerge: false, verdict: "success" } as const;
  expect(waitingText(open, "acme/shop")).toMatch(/somebody merges pull request #7.*project-admin.*nebula pr merge 7/);
  expect(waitingText({ ...open, autoMerge: true }, "acme/shop")).toContain("merges by itself");
  expect(waitingText({ ...open, verdict: "failure" }, "acme/shop")).toContain("nebula pr show 7");
});
