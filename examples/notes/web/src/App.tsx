// The sign-in, or the page that the address names.
import { useKeyward } from '@keyward/client/react';
import type { MouseEvent } from 'react';

import { ActButton } from './Act';
import { Admin } from './Admin';
import { keyward } from './auth';
import { Devices } from './Devices';
import { Reset } from './Forgotten';
import { Notes } from './Notes';
import { Security } from './Security';
import { SignIn } from './SignIn';
import { StepUp } from './StepUp';
import { go, usePath } from './usePath';

const PAGES = { '/': Notes, '/security': Security, '/devices': Devices, '/admin': Admin };
const NAMES = { '/': 'Notes', '/security': 'Security', '/devices': 'Devices', '/admin': 'Admin' };
type Path = keyof typeof PAGES;

export function App() {
    const state = useKeyward(keyward);
    const path = usePath();
    if (path === '/reset') return <Reset />;
    if (state.status === 'unknown') return <main><p role="status" className="soft late">One moment: the server does not answer yet.</p></main>;
    if (state.status === 'signed-out') return <SignIn reason={state.reason} />;
    const { id, username, roles } = state.user;
    return <Frame key={id} path={path} name={username} isAdmin={roles.includes('admin')} />;
}

type Shown = { name: string; isAdmin: boolean; path: string };

function Frame(shown: Shown) {
    const Page = PAGES[shown.path as Path] ?? Notes;
    return <>
        <Top {...shown} />
        <main><Page /></main>
        <StepUp />
    </>;
}

function Top({ name, isAdmin, path }: Shown) {
    const shown = (Object.keys(PAGES) as Path[]).filter((page) => page !== '/admin' || isAdmin);
    return <header><div>
        <span className="name"><img src="/icon.svg" alt="" />Notes</span>
        <nav aria-label="Pages">{shown.map((page) => <Link key={page} page={page} isHere={page === path} />)}</nav>
        <span className="soft">{name}</span>
        <ActButton className="quiet small" act={() => keyward.signOut()}>Sign out</ActButton>
    </div></header>;
}

function Link({ page, isHere }: { page: Path; isHere: boolean }) {
    const follow = (event: MouseEvent) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(page);
    };
    return <a href={page} aria-current={isHere ? 'page' : undefined} onClick={follow}>{NAMES[page]}</a>;
}
