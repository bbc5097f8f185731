# story.s: a Linux program that damages its heap early and crashes late; docs/debugging.md finds out where.
#
# Weather stations. Each is a block of a small heap: a link to the next station, a name, and the day's readings, one an
# hour. Every day all stations are read, and a forecast is worked out, which takes millions of instructions. At the end
# the stations are listed by their links. In the third night the clocks go back: that day has 25 hours, and a block has
# room for 24. `store_reading` does not check, so it writes over the link of the next block.
#
# Routines take arguments in EAX, EDX and ECX, return in EAX, keep the other registers, and have a frame in EBP.

        .set NEXT, 0                    # a station's block
        .set NAME, 4
        .set READINGS, 8
        .set HOURS, 24
        .set STATION_BYTES, READINGS + 4 * HOURS
        .set STATIONS, 4
        .set DAYS, 10
        .set FORECAST_ROUNDS, 2000000

        .set SYS_EXIT, 1
        .set SYS_WRITE, 4

        .macro  enter_routine name
        .globl  \name
        .type   \name, @function
\name:
        .endm

        .macro  end_routine name
        .size   \name, . - \name
        .endm

        .section .rodata, "a", @progbits
names:  .long   harbour, airport, hill, lake
harbour: .asciz "harbour"
airport: .asciz "airport"
hill:   .asciz  "hill"
lake:   .asciz  "lake"
day_text: .asciz "story: a day is over\n"
list_text: .asciz "story: the stations are\n"
line_end: .asciz "\n"
hours_of_day: .byte 24, 24, 25, 24, 24, 24, 24, 24, 24, 24

        .bss
        .balign 4
        .globl  day, first_station
heap:   .skip   4096
heap_used: .skip 4
first_station: .skip 4                  # head of the list
station_of: .skip 4 * STATIONS          # the same stations, by number
day:    .skip   4
weather: .skip  4                       # what the thermometers are at

        .text
        enter_routine _start
        call    make_stations
1:      call    one_day
        incl    day
        cmpl    $DAYS, day
        jb      1b
        call    list_stations
        movl    $SYS_EXIT, %eax
        xorl    %ebx, %ebx
        int     $0x80
        end_routine _start

# A block of EAX bytes: they are allocated one after the other.
        enter_routine allocate
        movl    heap_used, %edx
        addl    %edx, %eax
        movl    %eax, heap_used
        leal    heap(%edx), %eax
        ret
        end_routine allocate

# All stations, each put before the list.
        enter_routine make_stations
        pushl   %ebp
        movl    %esp, %ebp
        pushl   %esi
        xorl    %esi, %esi
1:      movl    $STATION_BYTES, %eax
        call    allocate
        movl    names(,%esi,4), %edx
        movl    %edx, NAME(%eax)
        movl    first_station, %edx
        movl    %edx, NEXT(%eax)
        movl    %eax, first_station
        movl    %eax, station_of(,%esi,4)
        incl    %esi
        cmpl    $STATIONS, %esi
        jb      1b
        popl    %esi
        popl    %ebp
        ret
        end_routine make_stations

# Read every station, then forecast.
        enter_routine one_day
        pushl   %ebp
        movl    %esp, %ebp
        pushl   %esi
        xorl    %esi, %esi
1:      movl    station_of(,%esi,4), %eax
        movl    day, %edx
        movzbl  hours_of_day(%edx), %edx
        call    read_station
        incl    %esi
        cmpl    $STATIONS, %esi
        jb      1b
        call    forecast
        movl    $day_text, %eax
        call    print
        popl    %esi
        popl    %ebp
        ret
        end_routine one_day

# The readings of station EAX on a day of EDX hours.
        enter_routine read_station
        pushl   %ebp
        movl    %esp, %ebp
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        movl    %eax, %ebx
        movl    %edx, %edi
        xorl    %esi, %esi
1:      call    measure
        movl    %eax, %ecx
        movl    %ebx, %eax
        movl    %esi, %edx
        call    store_reading
        incl    %esi
        cmpl    %edi, %esi
        jb      1b
        popl    %edi
        popl    %esi
        popl    %ebx
        popl    %ebp
        ret
        end_routine read_station

# A temperature in tenths of a degree, from 10.0 to 22.7.
        enter_routine measure
        imull   $1103515245, weather, %eax
        addl    $12345, %eax
        movl    %eax, weather
        shrl    $16, %eax
        andl    $127, %eax
        addl    $100, %eax
        ret
        end_routine measure

# Station EAX read ECX in hour EDX.
        enter_routine store_reading
        pushl   %ebp
        movl    %esp, %ebp
        movl    %ecx, READINGS(%eax,%edx,4)
        popl    %ebp
        ret
        end_routine store_reading

# Tomorrow's weather.
        enter_routine forecast
        pushl   %ebp
        movl    %esp, %ebp
        movl    weather, %eax
        movl    $FORECAST_ROUNDS, %ecx
1:      roll    $5, %eax
        xorl    %ecx, %eax
        addl    $0x9E3779B9, %eax
        decl    %ecx
        jnz     1b
        movl    %eax, weather
        popl    %ebp
        ret
        end_routine forecast

# The names of the stations, from link to link.
        enter_routine list_stations
        pushl   %ebp
        movl    %esp, %ebp
        pushl   %ebx
        movl    $list_text, %eax
        call    print
        movl    first_station, %ebx
1:      movl    NAME(%ebx), %eax
        call    print
        movl    $line_end, %eax
        call    print
        movl    NEXT(%ebx), %ebx
        testl   %ebx, %ebx
        jnz     1b
        popl    %ebx
        popl    %ebp
        ret
        end_routine list_stations

# The text at EAX, which ends with a zero, on standard output.
        enter_routine print
        pushl   %ebp
        movl    %esp, %ebp
        pushl   %ebx
        movl    %eax, %ecx
        movl    %eax, %edx
1:      incl    %edx
        cmpb    $0, (%edx)
        jne     1b
        subl    %ecx, %edx
        movl    $1, %ebx
        movl    $SYS_WRITE, %eax
        int     $0x80
        popl    %ebx
        popl    %ebp
        ret
        end_routine print
