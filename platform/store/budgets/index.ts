export {
  type AnomalyRow,
  type BudgetAlertRow,
  listAnomalies,
  listBudgetAlerts,
  putAnomaly,
  putBudgetAlert,
} from "./budgets.ts";
export { listReachedSteps, type ReachedStep } from "./reached.ts";
