%% Real Erlang/OTP carries out scripts: one a line on standard input, one answer a line as JSON.
%%
%% A script is {Tree, Steps}. A step is one act, or {burst, Supervisor, Items}: the supervisor is
%% suspended, what the items do arrives in its mailbox in exactly their order, then it goes on.
%% `barrier` among the items lets it go on, and everything come to rest, in between.
-module(oracle).
-behaviour(supervisor).
-export([main/0, init/1, start_worker/3, start_dynamic/3, start_supervisor/3, worker/5]).

-define(QUIET, 3).                      % scans in a row that must find everybody waiting

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    process_flag(priority, low),        % it sees the others when they have nothing to do
    ets:new(oracle_pids, [named_table, public]),    % path -> pid
    ets:new(oracle_alive, [named_table, public]),   % pid -> path, key, number
    ets:new(oracle_counts, [named_table, public]),  % key -> starts
    ets:new(oracle_log, [named_table, public, ordered_set]),
    read().

read() ->
    case io:get_line(standard_io, "") of
        eof ->
            halt(0);
        Line ->
            {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Line)),
            {ok, {Tree, Steps}} = erl_parse:parse_term(Tokens),
            io:put_chars([json(run(Tree, Steps)), $\n]),
            read()
    end.

%%% a script

run(Tree, Steps) ->
    [ets:delete_all_objects(T) || T <- [oracle_pids, oracle_alive, oracle_counts, oracle_log]],
    Boot = case start_supervisor("", root, Tree) of
               {ok, Pid} -> put(root, Pid), ok;
               {error, Reason} -> put(root, none), {failed, deepest(Reason)};
               ignore -> put(root, none), ignore
           end,
    settle(),
    First = look(Boot),
    Others = [begin Answer = step(Step), settle(), look(Answer) end || Step <- Steps],
    Last = stop_root(),
    [First | Others] ++ [Last].

deepest({shutdown, {failed_to_start_child, _, {shutdown, {failed_to_start_child, _, _}} = Inner}}) ->
    deepest(element(3, {x, x, Inner}));
deepest({shutdown, {failed_to_start_child, Id, _}}) ->
    Id;
deepest(_) ->
    unknown.

stop_root() ->
    case root_end() of
        up ->
            Root = get(root),
            exit(Root, shutdown),
            receive {'EXIT', Root, Reason} -> put({ended, Root}, Reason) end,
            settle(),
            look(stopped);
        _ ->
            look(stopped)
    end.

root_end() ->
    case get(root) of
        none -> none;
        Root ->
            receive {'EXIT', Root, Reason} -> put({ended, Root}, Reason) after 0 -> ok end,
            case get({ended, Root}) of
                undefined -> up;
                normal -> normal;
                shutdown -> shutdown;
                {shutdown, _} -> shutdown;
                _ -> error
            end
    end.

look(Answer) ->
    End = root_end(),
    State = case End of up -> children(get(root), ""); _ -> [] end,
    Log = [Entry || {_, Entry} <- ets:tab2list(oracle_log)],
    ets:delete_all_objects(oracle_log),
    [Answer, End, State, Log].

children(Sup, Path) ->
    Found = supervisor:which_children(Sup),
    Rows = case strategy(Sup) of
               simple_one_for_one -> lists:sort([dynamic(Pid) || {_, Pid, _, _} <- Found]);
               _ -> [static(Id, Pid, Type, Path) || {Id, Pid, Type, _} <- lists:reverse(Found)]
           end,
    Rows.

static(Id, Pid, Type, Path) when is_pid(Pid) ->
    Below = join(Path, Id),
    case Type of
        supervisor -> [Id, up, supervisor, children(Pid, Below)];
        worker -> [{_, _, Key, N}] = ets:lookup(oracle_alive, Pid), [Id, up, Key, N]
    end;
static(Id, undefined, _, _) -> [Id, down];
static(Id, restarting, _, _) -> [Id, restarting].

dynamic(Pid) when is_pid(Pid) ->
    [{_, Path, Key, N}] = ets:lookup(oracle_alive, Pid),
    [list_to_atom(lists:last(string:split(Path, "/", all))), up, Key, N];
dynamic(restarting) -> [restarting].

strategy(Sup) -> element(3, sys:get_state(Sup)).

%%% acts

step({burst, Path, Items}) -> burst(Path, Items);
step({call, Path, Request}) ->
    Tag = send(supervisor_at(Path), Request),
    settle(),
    answer(Tag, Request);
step({advance, Seconds}) ->
    [sys:replace_state(Sup, fun(S) -> setelement(8, S, [T - Seconds || T <- element(8, S)]) end)
     || {Sup, _, supervisor, _} <- ets:tab2list(oracle_alive), is_process_alive(Sup)],
    ok;
step({What, Path}) -> end_it(What, pid(Path)), ok.

burst(Path, Items) ->
    Bound = [bind(Item) || Item <- Items],
    Sup = supervisor_at(Path),
    suspend(Sup),
    Tags = lists:flatten([item(Item, Sup) || Item <- Bound]),
    resume(Sup),
    settle(),
    [[I, answer(Tag, Request)] || {I, Tag, Request} <- lists:sort(Tags)].

bind({act, I, {call, _, Request}}) -> {call, I, Request};
bind({act, _, {What, Path}}) -> {What, pid(Path)};
bind(barrier) -> barrier.

item(barrier, Sup) -> resume(Sup), settle(), suspend(Sup), [];
item({call, I, Request}, Sup) -> [{I, send(Sup, Request), Request}];
item({What, Pid}, _) -> end_it(What, Pid), [].

suspend(none) -> ok;
suspend(Sup) -> catch sys:suspend(Sup).
resume(none) -> ok;
resume(Sup) -> catch sys:resume(Sup).

end_it(_, none) -> ok;
end_it(What, Pid) ->
    Monitor = monitor(process, Pid),
    case {What, ets:lookup(oracle_alive, Pid)} of
        {crash, [{_, _, supervisor, _}]} -> gen_server:cast(Pid, this_is_no_cast_of_a_supervisor);
        {leave, [{_, _, supervisor, _}]} -> spawn(fun() -> catch sys:terminate(Pid, normal) end);
        {kill, _} -> exit(Pid, kill);
        {What, _} -> Pid ! What
    end,
    receive {'DOWN', Monitor, process, Pid, _} -> ok after 5000 -> exit({does_not_end, Pid}) end.

send(none, _) -> dead;
send(Sup, {start_child, {dynamic_child, _, _, _}} = Request) ->
    case strategy_of(Sup) of
        simple_one_for_one -> sent(Sup, Request);
        _ -> dead                       % another kind of supervisor bears the name by now
    end;
send(Sup, Request) -> sent(Sup, Request).

sent(Sup, Request) ->
    Tag = make_ref(),
    Sup ! {'$gen_call', {self(), Tag}, translated(Sup, Request)},
    Tag.

%% the last pid that bore the id, also when it is between two incarnations
translated(Sup, {terminate_child, Id}) ->
    case strategy_of(Sup) of
        simple_one_for_one ->
            case ets:lookup(oracle_pids, join(path(Sup), Id)) of
                [{_, Pid}] -> {terminate_child, Pid};
                [] -> {terminate_child, spawn(fun() -> ok end)}
            end;
        _ -> {terminate_child, Id}
    end;
translated(Sup, {start_child, Spec}) -> {start_child, described(path(Sup), Spec)};
translated(_, Request) -> Request.

strategy_of(Sup) ->  % it may be suspended: from what it was started with
    [{_, _, _, Strategy}] = ets:lookup(oracle_alive, Sup),
    Strategy.

answer(dead, _) -> dead;
answer(Tag, Request) ->
    receive {Tag, Reply} -> plain(Request, Reply) after 0 -> dead end.

plain({which_children}, Reply) -> plain(which_children, Reply);
plain(which_children, Reply) ->
    [case {Id, Pid} of
         {undefined, restarting} -> [dynamic, restarting];
         {undefined, _} ->
             case ets:lookup(oracle_alive, Pid) of
                 [{_, Path, _, _}] -> [list_to_atom(lists:last(string:split(Path, "/", all))), up];
                 [] -> [dynamic, up]
             end;
         {_, restarting} -> [Id, restarting];
         {_, undefined} -> [Id, down];
         {_, _} -> [Id, up]
     end || {Id, Pid, _, _} <- lists:reverse(Reply)];
plain(count_children, Reply) -> [[A, B] || {A, B} <- Reply];
plain({get_childspec, _}, {ok, Spec}) ->
    [maps:get(K, Spec) || K <- [restart, significant, type]];
plain(_, ok) -> ok;
plain(_, {ok, undefined}) -> ignored;
plain(_, {ok, Pid}) when is_pid(Pid) -> ok;
plain(_, {error, {already_started, _}}) -> running;
plain(_, {error, already_present}) -> present;
plain(_, {error, Known}) when Known =:= running; Known =:= restarting; Known =:= not_found -> Known;
plain({start_child, _}, {error, {bad_combination, _}}) -> spec;
plain(_, {error, _}) -> failed.

pid(Path) ->
    Found = case Path of
                "" -> get(root);
                _ -> case ets:lookup(oracle_pids, Path) of [{_, P}] -> P; [] -> none end
            end,
    case is_pid(Found) andalso is_process_alive(Found) of true -> Found; false -> none end.

supervisor_at(Path) ->
    Pid = pid(Path),
    case ets:lookup(oracle_alive, Pid) of
        [{_, _, supervisor, _}] -> Pid;
        _ -> none
    end.

path(Sup) -> [{_, Path, _, _}] = ets:lookup(oracle_alive, Sup), Path.

join("", Id) -> atom_to_list(Id);
join(Path, Id) -> Path ++ "/" ++ atom_to_list(Id).

%%% rest

settle() -> settle(0, -1).
settle(?QUIET, _) -> ok;
settle(Seen, Before) ->
    erlang:yield(),
    Size = ets:info(oracle_log, size),
    case Size =:= Before andalso lists:all(fun quiet/1, ets:tab2list(oracle_alive)) of
        true -> settle(Seen + 1, Size);
        false -> settle(0, Size)
    end.

quiet({Pid, _, _, _}) ->
    case process_info(Pid, [status, message_queue_len]) of
        undefined -> true;
        [{status, waiting}, {message_queue_len, 0}] -> true;
        _ -> false
    end.

log(Entry) -> ets:insert(oracle_log, {erlang:unique_integer([monotonic]), Entry}), ok.

%%% supervisors and workers

start_supervisor(Path, Key, Node) ->
    Key =:= root orelse log([sup, Key]),
    supervisor:start_link(?MODULE, {Path, Node}).

init({Path, {Flags, Children}}) ->
    ets:insert(oracle_pids, {Path, self()}),
    ets:insert(oracle_alive, {self(), Path, supervisor, maps:get(strategy, Flags)}),
    {ok, {Flags, [described(Path, C) || C <- Children]}}.

%% A dynamic supervisor's child is started with what start_child adds.
described(_, {dynamic_child, Id, Key, Plan}) -> [Id, {Key, Plan}];
described(Path, {template, Map}) ->
    Map#{id => template, start => {?MODULE, start_dynamic, [Path]}, type => worker};
described(Path, {worker, Id, Key, Plan, Map}) ->
    Map#{id => Id, start => {?MODULE, start_worker, [join(Path, Id), Key, Plan]}, type => worker};
described(Path, {supervisor, Id, Key, Node, Map}) ->
    Map#{id => Id, start => {?MODULE, start_supervisor, [join(Path, Id), Key, Node]},
         type => supervisor}.

start_dynamic(Path, Id, {Key, Plan}) -> start_worker(join(Path, Id), Key, Plan).

start_worker(Path, Key, Plan) ->
    N = ets:update_counter(oracle_counts, Key, 1, {Key, 0}),
    log([start, Key]),
    case planned(N, Plan) of
        fail -> {error, told_to};
        ignore -> ignore;
        Outcome -> proc_lib:start_link(?MODULE, worker, [self(), Path, Key, N, Outcome])
    end.

planned(N, Plan) when N =< length(Plan) -> lists:nth(N, Plan);
planned(_, _) -> ok.

worker(Parent, Path, Key, N, Outcome) ->
    process_flag(trap_exit, true),
    ets:insert(oracle_pids, {Path, self()}),
    ets:insert(oracle_alive, {self(), Path, Key, N}),
    Outcome =:= ok orelse (self() ! Outcome),
    proc_lib:init_ack(Parent, {ok, self()}),
    work(Parent, Key).

work(Parent, Key) ->
    receive
        {'EXIT', Parent, Reason} -> log([stop, Key]), exit(Reason);
        crash -> exit(crash);
        leave -> log([stop, Key]), exit(normal);
        _ -> work(Parent, Key)
    end.

%%% JSON, as far as it is needed

json(X) when is_integer(X) -> integer_to_list(X);
json(X) when is_atom(X) -> [$", atom_to_list(X), $"];
json([]) -> "[]";
json(L) when is_list(L) ->
    [$[, lists:join($,, [json(X) || X <- L]), $]];
json(T) when is_tuple(T) -> json(tuple_to_list(T)).
