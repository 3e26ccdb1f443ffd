import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

export const incidentImpacts = ["none", "minor", "major", "critical"] as const;
export const incidentStates = ["investigating", "identified", "monitoring", "resolved"] as const;
export type IncidentImpact = (typeof incidentImpacts)[number];
export type IncidentState = (typeof incidentStates)[number];

export type IncidentUpdate = {
  readonly state: IncidentState;
  readonly message: string;
  /** Not for the public. */
  readonly declaredBy: string;
  readonly at: string;
};

/** What operators tell everybody. Newest update first. */
export type Incident = {
  readonly id: string;
  readonly title: string;
  readonly impact: IncidentImpact;
  readonly components: readonly string[];
  readonly state: IncidentState;
  readonly startedAt: Date;
  readonly resolvedAt: Date | null;
  readonly updates: readonly IncidentUpdate[];
};

type Said = Pick<IncidentUpdate, "state" | "message" | "declaredBy">;

export const openIncident = (
  sql: Sql,
  wanted: Pick<Incident, "title" | "impact" | "components"> & Said,
): Promise<Incident> =>
  sql.tx(async (tx) => {
    const id = newId("inc");
    await tx.query(
      `insert into incidents (id, title, impact, components, state, resolved_at)
       values ($1, $2, $3, $4, $5, case when $5 = 'resolved' then clock_timestamp() end)`,
      [id, wanted.title, wanted.impact, wanted.components, wanted.state],
    );
    await say(tx, id, wanted);
    return required(await getIncident(tx, id));
  });

/** "over": it is resolved, and another one is another one. Undefined: there is none. */
export const updateIncident = (sql: Sql, id: string, said: Said): Promise<Incident | "over" | undefined> =>
  sql.tx(async (tx) => {
    const row = await tx.maybe<{ state: IncidentState }>("select state from incidents where id = $1 for update", [id]);
    if (row === undefined) return undefined;
    if (row.state === "resolved") return "over";
    await tx.query(
      `update incidents set state = $2, resolved_at = case when $2 = 'resolved' then clock_timestamp() end
       where id = $1`,
      [id, said.state],
    );
    await say(tx, id, said);
    return required(await getIncident(tx, id));
  });

/** Those that are not over, and those that ended within the days; newest first. */
export const listIncidents = (sql: Sql, days: number): Promise<readonly Incident[]> =>
  sql.query<Incident>(
    `${selected} where i.resolved_at is null or i.resolved_at > clock_timestamp() - make_interval(days => $1)
     order by i.started_at desc, i.id desc limit 100`,
    [days],
  );

const getIncident = (sql: Sql, id: string): Promise<Incident | undefined> =>
  sql.maybe<Incident>(`${selected} where i.id = $1`, [id]);

const selected = `select i.id, i.title, i.impact, i.components, i.state, i.started_at as "startedAt",
    i.resolved_at as "resolvedAt",
    (select coalesce(jsonb_agg(jsonb_build_object('state', u.state, 'message', u.message, 'declaredBy', u.declared_by,
        'at', to_char(u.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by u.id desc), '[]')
      from incident_updates u where u.incident = i.id) as updates
  from incidents i`;

const say = (tx: Sql, id: string, { state, message, declaredBy }: Said) =>
  tx.query("insert into incident_updates (incident, state, message, declared_by) values ($1, $2, $3, $4)", [
    ...[id, state, message, declaredBy],
  ]);

function required(incident: Incident | undefined): Incident {
  if (incident === undefined) throw new Error("an incident that was just written is not there");
  return incident;
}
