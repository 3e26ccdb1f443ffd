import type { Command } from "commander";
import { printData, printRows, say } from "../output.ts";
import type { HeldLease, Replica } from "../types.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Answer = {
  readonly items: readonly Replica[];
  readonly others: readonly { readonly holder: string; readonly lease: HeldLease }[];
};

export function addReplicaCommand(program: Command): void {
  withOutput(
    program.command("replicas").description("the platform's processes, and who holds which lease and stack"),
  ).action(list);
}

async function list({ output }: Output): Promise<void> {
  const found = await connect().get<Answer>("/api/v1/replicas");
  if (output !== "table") return printData(found, output);
  printRows(
    found.items,
    [
      { title: "KIND", value: (row) => row.kind },
      { title: "REPLICA", value: (row) => row.id },
      { title: "ADDRESS", value: (row) => row.address },
      { title: "VERSION", value: (row) => row.version },
      { title: "SEEN", value: (row) => (row.alive ? "now" : row.lastSeenAt) },
      { title: "SINCE", value: (row) => row.startedAt },
    ],
    output,
  );
  const held = [
    ...found.items.flatMap(({ id, leases }) => leases.map((lease) => ({ holder: id, lease }))),
    ...found.others,
  ];
  if (held.length === 0) return say("nothing is held");
  process.stdout.write("\n");
  printRows(
    held,
    [
      { title: "HOLDS", value: ({ lease }) => lease.name },
      { title: "FENCE", value: ({ lease }) => lease.fence },
      { title: "UNTIL", value: ({ lease }) => lease.until },
      { title: "OPERATION", value: ({ lease }) => lease.operation },
      { title: "REPLICA", value: ({ holder }) => holder },
    ],
    output,
  );
}
