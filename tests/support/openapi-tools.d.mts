export function lintOpenApi(document: object): Promise<{ ruleId: string; message: string }[]>;
export function typesOf(document: object): Promise<string>;
