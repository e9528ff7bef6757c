import { guard } from '@keyward/node/next';
import { NextResponse } from 'next/server';
import { verifier } from './verifier.js';

export const proxy = guard(verifier, () => NextResponse.next());

export const config = { matcher: '/api/:path*' };
