import type pg from "pg";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { makePoolGround, type PoolGround } from "../gateway/pool-ground.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

/** What a session can leave behind, and how another one would see it. `own`: kept apart even between clients of one role. */
type Residue = {
  readonly name: string;
  readonly own: boolean;
  readonly leave: (client: pg.Client, mark: string) => Promise<unknown>;
  readonly isSeen: (client: pg.Client, mark: string) => Promise<boolean>;
};

const numberOf = (mark: string): number => Number.parseInt(mark, 36) % 1e9;

const truth = async (client: pg.Client, text: string, values: unknown[] = []): Promise<boolean> =>
  (await client.query(text, values)).rows[0]?.seen === true;

const residues: readonly Residue[] = [
  {
    name: "a setting of the tenant's",
    own: false,
    leave: (client, mark) => client.query(`set app.tenant = '${mark}'`),
    isSeen: (client, mark) => truth(client, "select current_setting('app.tenant', true) = $1 as seen", [mark]),
  },
  {
    name: "a temporary table",
    own: false,
    leave: (client, mark) => client.query(`create temporary table t_${mark} as select 'secret' as word`),
    isSeen: (client, mark) => truth(client, "select to_regclass($1) is not null as seen", [`pg_temp.t_${mark}`]),
  },
  {
    name: "an advisory lock",
    own: false,
    leave: (client, mark) => client.query(`select pg_advisory_lock(${numberOf(mark)})`),
    isSeen: (client, mark) =>
      truth(
        client,
        "select exists (select from pg_locks where locktype = 'advisory' and objid = $1 and pid = pg_backend_pid()) as seen",
        [numberOf(mark)],
      ),
  },
  {
    name: "a statement prepared by SQL",
    own: false,
    leave: (client, mark) => client.query(`prepare p_${mark} as select 'secret'`),
    isSeen: (client, mark) =>
      truth(client, "select exists (select from pg_prepared_statements where name = $1) as seen", [`p_${mark}`]),
  },
  {
    name: "a channel that is listened to",
    own: false,
    leave: (client, mark) => client.query(`listen c_${mark}`),
    isSeen: (client, mark) =>
      truth(client, "select exists (select from pg_listening_channels() c where c = $1) as seen", [`c_${mark}`]),
  },
  {
    name: "a time limit",
    own: false,
    leave: (client, mark) => client.query(`set lock_timeout = ${numberOf(mark)}`),
    isSeen: (client, mark) =>
      truth(client, "select setting = $1 as seen from pg_settings where name = 'lock_timeout'", [`${numberOf(mark)}`]),
  },
  {
    name: "a named statement of the protocol",
    own: true,
    leave: (client, mark) => client.query({ name: `n_${mark}`, text: "select 'secret' as word" }),
    // a driver that did not prepare it itself executes it by name alone
    isSeen: (client, mark) =>
      client.query({ name: `n_${mark}`, text: "select 'mine' as word" }).then(({ rows }) => rows[0]?.word !== "mine"),
  },
  {
    name: "the search path",
    own: true,
    leave: (client, mark) => client.query(`set search_path = s_${mark}`),
    isSeen: (client, mark) => truth(client, "select current_setting('search_path') = $1 as seen", [`s_${mark}`]),
  },
  {
    name: "the time zone",
    own: true,
    leave: (client) => client.query("set timezone = 'Pacific/Chatham'"),
    isSeen: (client) => truth(client, "select current_setting('timezone') = 'Pacific/Chatham' as seen"),
  },
  {
    name: "an open transaction that its client left by going away",
    own: true,
    leave: async (client) => {
      await client.query("begin");
      await client.query("set local app.word = 'secret'");
      await client.end();
    },
    isSeen: (client) => truth(client, "select current_setting('app.word', true) = 'secret' as seen"),
  },
];

const notAllowed = "42501";

type Place = { readonly wanted: InstanceWanted; readonly user: string; readonly password: string };

/** A login of another role or another database than the one that leaves something. */
const strangers = (places: readonly Place[], from: Place, random: Random): Place =>
  random.pick(places.filter((place) => place !== from));

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const it = await makePoolGround();
  const violations: string[] = [];
  let trials = 0;
  try {
    const places = await makePlaces(it);
    const clientOf = ({ wanted, user, password }: Place) => it.connect(wanted, { user, password });
    for (; trials < n; trials++) {
      const residue = residues[trials % residues.length] as Residue;
      const mark = `${trials.toString(36)}x${random.int(1e6, 1e9).toString(36)}`;
      const from = random.pick(places);
      const leaver = await clientOf(from);
      await residue.leave(leaver, mark).catch((thrown) => {
        if (thrown.code !== notAllowed) throw thrown; // a role that may not leave this leaves nothing
      });
      // Without the protection the next client has the same role, and so the same server connections.
      const to = guarded && !residue.own ? strangers(places, from, random) : from;
      for (let look = 0; look < 3; look++) {
        const other = await clientOf(to);
        const isSeen = await residue.isSeen(other, mark);
        await other.end();
        if (!isSeen) continue;
        violations.push(`${residue.name} of ${from.user} was seen by ${to.user}`);
        break;
      }
      await leaver.end();
    }
  } finally {
    await it.clear();
  }
  return { trials, violations };
}

/** Two databases of two tenants; in both an owner of the same name, in one a second role. */
async function makePlaces(it: PoolGround): Promise<readonly Place[]> {
  const password = new Secret("the second role's password");
  const role = { name: "reporter", login: true, access: "write", password } as const;
  const [one, other] = [await it.add({ roles: [role] }), await it.add({ ownerPassword: new Secret("another") })];
  const owner = (wanted: InstanceWanted): Place => ({
    ...{ wanted, user: wanted.ownerRole, password: wanted.ownerPassword.reveal() },
  });
  return [owner(one), owner(other), { wanted: one, user: role.name, password: password.reveal() }];
}

catalogueRow({
  suite: "attacks",
  name: "residue in pooled sessions",
  promise:
    "what one client leaves reaches no client of another role or database, and what is documented as its own no other client",
  n: { small: 120, large: 2_000 },
  run,
  control: { without: "a pool of its own for each role", n: 30 },
});
