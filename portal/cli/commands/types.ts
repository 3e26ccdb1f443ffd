import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { printData } from "../output.ts";
import { collect, connect, type Output, withOutput } from "./shared.ts";

/** `nebula types`: the schema as TypeScript, for a client of the data API. */
export function addTypesCommand(program: Command): void {
  withOutput(
    program
      .command("types")
      .description("TypeScript types of a database's schema, for postgrest-js and supabase-js; wakes the database")
      .argument("<database>"),
  )
    .option("--schema <name>", "instead of those of its data API; may be repeated", collect, [])
    .action(types);
}

async function types(text: string, options: Output & { readonly schema: readonly string[] }): Promise<void> {
  const client = connect();
  const path = `${databasePath(await resolveDatabase(client, text))}/types`;
  const query = options.schema.length === 0 ? {} : { schemas: options.schema.join(",") };
  const found = await client.get<{ typescript: string }>(path, query);
  if (options.output !== "table") return printData(found, options.output);
  process.stdout.write(found.typescript);
}
