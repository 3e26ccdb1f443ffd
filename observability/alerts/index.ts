import { burnAlertsOf, objectives } from "../objectives.ts";
import type { AlertGroup } from "../types.ts";
import { databaseAlerts } from "./databases.ts";
import { moneyAlerts } from "./money.ts";
import { platformAlerts } from "./platform.ts";

export const plainAlerts: readonly AlertGroup[] = [...platformAlerts, ...databaseAlerts, ...moneyAlerts];

export const objectiveAlerts: readonly AlertGroup[] = objectives.map((objective) => ({
  name: `objective-alerts-${objective.name}`,
  alerts: burnAlertsOf(objective),
}));

export const alertGroups: readonly AlertGroup[] = [...plainAlerts, ...objectiveAlerts];
