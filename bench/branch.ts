/**
 * How long a branch of a database takes from the order to its first row, while the database serves; and the same by hand: a
 * pg_basebackup of it, a server started on that, a first row. Turn by turn, for 100 MB and 1 GB.
 */
import { openScope } from "../platform/core/index.ts";
import type { DatabaseId } from "../platform/spec/index.ts";
import { type BackupBench, makeBackupBench, timed, turnByTurn } from "./ground/backups.ts";
import { firstRowByHand } from "./ground/by-hand.ts";
import { percentile, progress, report, round } from "./ground/report.ts";

const runs = Number(process.env.NEBULA_BENCH_RUNS ?? 9);
const sizes = { mb100: 100, gb1: 1000 } as const;

const scope = openScope();
const figures: Record<string, number> = {};

try {
  const ground = await makeBackupBench(scope);
  for (const [name, sizeMb] of Object.entries(sizes)) {
    progress(`filling ${sizeMb} MB`);
    const source = await ground.filled(name, sizeMb);
    const { ours, byHand } = await turnByTurn(
      runs,
      async (i) => {
        progress(`branch ${i + 1} of ${runs} of ${sizeMb} MB`);
        const wanted = { ...ground.wish(`${name}b${i}`), archive: false };
        const time = await timed(async () => {
          await ground.backups.branch(wanted, { of: source.id });
          await ground.inside(wanted, (sql) => sql.query("select n from moments"));
        });
        await ground.drop(wanted);
        return time;
      },
      (i) => copyByHand(ground, source.id, `${name}h${i}`),
    );
    figures[`${name}P50Ms`] = round(percentile(ours, 50), 0);
    figures[`${name}ByHandP50Ms`] = round(percentile(byHand, 50), 0);
    figures[`${name}Ratio`] = round(percentile(ours, 50) / percentile(byHand, 50), 2);
  }
} finally {
  await scope.close();
}

async function copyByHand(ground: BackupBench, id: DatabaseId, name: string): Promise<number> {
  const { args, password } = await ground.driver.machinery.address(id);
  return firstRowByHand(ground, {
    ...{ name, password: password.reveal() },
    fill(pgdata, env) {
      const how = ["--pgdata", pgdata, "--wal-method", "stream", "--checkpoint", "fast"];
      return ground.tool("pg_basebackup", [...args, ...how], env);
    },
  });
}

report({ bench: "branch", runs, figures, goals: { mb100Ratio: "<= 1.2", gb1Ratio: "<= 1.2" } });
