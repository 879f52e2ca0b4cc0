type Format = (value: number | null | undefined) => string;

export const NONE: string;
export const count: Format;
export const rate: Format;
export const cores: Format;
export const percent: Format;
export const milliseconds: Format;
export const bytes: Format;
export const duration: Format;
export function clock(at: number, now?: number): string;
export function withoutZeros(text: string): string;
