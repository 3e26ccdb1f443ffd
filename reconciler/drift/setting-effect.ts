import { restartSettings } from "../../platform/compute/index.ts";
import type { DriftEffect } from "../../platform/store/index.ts";

export const effectOfSetting = (name: string): DriftEffect => (restartSettings.has(name) ? "restart" : "in place");
