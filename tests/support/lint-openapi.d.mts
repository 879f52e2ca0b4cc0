export function lintOpenApi(document: object): Promise<{ ruleId: string; message: string }[]>;
